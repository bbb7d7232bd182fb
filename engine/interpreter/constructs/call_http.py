"""`call: http`: one request by an activity, and what of the answer becomes data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from engine.contracts.calls import CALL_HTTP, HttpAnswer, HttpCall
from engine.expressions.jq import Program
from engine.interpreter.constructs import authentication_policies
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import authorization
from engine.language.document_node import DocumentNode
from engine.language.errors import fault
from engine.language.model import TaskResult
from engine.language.uri_templates import expand, to_text

SECONDS_MAX = 30.0
OUTPUTS = ("content", "response", "raw")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")  # RFC 9110 section 9.2.2
IDEMPOTENCY_KEY = "idempotency-key"  # a service that supports it acts once on repeated requests

_PHRASES = {int(status): status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class CallHttp:
    """HTTP request whose members are values or programs."""

    method: str
    uri: str | Program
    authentication: Any = None
    headers: Any = None
    query: Any = None
    body: Any = None
    output: str = "content"
    redirect: bool = False

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the answer's content, the whole answer, or its bytes.

        :raises FaultError: of kind communication, without an answer or when its status is an error.
        """
        call = self.build_call(interpreter, data, scope, seconds=SECONDS_MAX)
        scope = scope.with_variables(authorization=authorization.descriptor(call.authentication))
        call = replace(
            call,
            query=to_query(interpreter.fill(self.query, data, scope)),
            body=interpreter.fill(self.body, data, scope),
            redirect=self.redirect,
            raw=self.output == "raw",
        )
        answer = await request(interpreter, call, scope)
        return TaskResult(
            select_output(call, answer, self.output), authorization=answer.authorization
        )

    def build_call(
        self, interpreter: Interpreter, data: Any, scope: Scope, *, seconds: float
    ) -> HttpCall:
        """Return the call with its address, headers, credentials and time limit, without a body.

        :raises FaultError: of kind expression, when an expression gives what cannot be sent.
        """
        policy = interpreter.fill(self.authentication, data, scope)
        scope = scope.with_variables(authorization=authorization.descriptor(policy))
        return HttpCall(
            method=self.method,
            uri=self.resolve_uri(interpreter, data, scope),
            headers=_texts(interpreter.fill(self.headers, data, scope), "headers"),
            authentication=policy,
            timeout_seconds=seconds,
        )

    def resolve_uri(self, interpreter: Interpreter, data: Any, scope: Scope) -> str:
        """Return the address to call.

        :raises FaultError: of kind expression, when it is no text.
        """
        if isinstance(self.uri, Program):
            uri = interpreter.evaluate(self.uri, data, scope)
            if not isinstance(uri, str):
                raise fault("expression", "the endpoint must be text")
            return uri
        return expand(self.uri, data)


NO_ENDPOINT = CallHttp("GET", "")  # where an endpoint could not be read


async def request(interpreter: Interpreter, call: HttpCall, scope: Scope) -> HttpAnswer:
    """Send one request and return its answer.

    :raises FaultError: of kind communication, with the answer's status, when that is an error.
    """
    answer: HttpAnswer = await interpreter.call(
        CALL_HTTP,
        call,
        answer=HttpAnswer,
        seconds=call.timeout_seconds + 5,
        scope=scope,
        repeatable=call.method in IDEMPOTENT
        or any(name.lower() == IDEMPOTENCY_KEY for name in call.headers),
    )
    if answer.status < HTTPStatus.OK or answer.status >= (400 if call.redirect else 300):
        detail = f"the server answered {answer.status}"
        raise fault(
            "communication", detail, status=answer.status, title=_PHRASES.get(answer.status)
        )
    return answer


def select_output(call: HttpCall, answer: HttpAnswer, output: str) -> Any:
    """Return the part of an answer that the member `output` names."""
    if output == "raw":
        return answer.raw
    if output == "content":
        return answer.content
    return {
        "request": {"method": call.method, "uri": call.uri, "headers": call.headers},
        "statusCode": answer.status,
        "headers": answer.headers,
        "content": answer.content,
    }


def to_query(value: Any) -> dict[str, Any]:
    """Return query parameters as texts; an array is the same name several times."""
    parameters = _members(value, "query").items()
    return {
        name: [to_text(item) for item in member] if isinstance(member, list) else to_text(member)
        for name, member in parameters
        if member is not None
    }


def read(node: DocumentNode) -> CallHttp:
    """Read the members of `with`."""
    node.allow_only("method", "endpoint", "headers", "query", "body", "output", "redirect")
    method = node.require("method")
    if isinstance(method.value, str) and method.value.upper() not in METHODS:
        method.add_fault(f"must be one of {', '.join(METHODS)}")
    uri, authentication = read_endpoint(node.require("endpoint"))
    parts = {name: _template(node, name) for name in ("headers", "query", "body")}
    return CallHttp(
        method=method.text().upper(),
        uri=uri,
        authentication=authentication,
        output=read_output(node),
        redirect=read_redirect(node),
        **parts,
    )


def read_endpoint(node: DocumentNode) -> tuple[str | Program, Any]:
    """Return an endpoint's address, a URI template or an expression, and its authentication."""
    if isinstance(node.value, str):
        template: str | Program = node.template()
        return template, None
    uri = node.allow_only("uri", "authentication").require("uri")
    uri.text()
    authentication = node.get("authentication")
    return uri.template(), authentication_policies.read(authentication) if authentication else None


def read_output(node: DocumentNode) -> str:
    """Return the part of the answer that becomes the task's output."""
    output = node.get("output")
    return output.one_of(*OUTPUTS) if output else "content"


def read_redirect(node: DocumentNode) -> bool:
    """Return whether the call follows redirects; otherwise a redirect is an error."""
    redirect = node.get("redirect")
    if redirect is not None and not isinstance(redirect.value, bool):
        redirect.add_fault("must be true or false")
    return redirect is not None and redirect.value is True


def _template(node: DocumentNode, key: str) -> Any:
    member = node.get(key)
    return member.template() if member else None


def fill_parameters(
    interpreter: Interpreter, parameters: Any, data: Any, scope: Scope
) -> dict[str, Any]:
    """Return the parameters of a remote procedure.

    :raises FaultError: of kind expression, when they are no object.
    """
    values = interpreter.fill(parameters, data, scope)
    if values is not None and not isinstance(values, dict):
        raise fault("expression", "the parameters must be an object")
    return values or {}


def _members(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise fault("expression", f"{what} must be an object")
    return value


def _texts(value: Any, what: str) -> dict[str, str]:
    return {
        name: to_text(member)
        for name, member in _members(value, what).items()
        if member is not None
    }
