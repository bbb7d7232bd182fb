"""`call: openapi`: an operation of a service, by its id in the service's OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.contracts.calls import COMPOSE_OPENAPI, HttpCall, OpenApiCall
from engine.expressions.jq import Program
from engine.interpreter.constructs import authentication_policies, call_http
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.model import TaskResult


@dataclass(frozen=True, slots=True)
class CallOpenApi:
    """Call of an operation that an OpenAPI document describes."""

    document: str | Program
    document_authentication: Any
    operation: str
    parameters: Any
    authentication: Any
    output: str
    redirect: bool

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the operation's answer.

        :raises FaultError: of kind communication, or of kind configuration when the document has no
            such operation.
        """
        document = call_http.CallHttp("GET", self.document, self.document_authentication)
        composition = OpenApiCall(
            document=replace(
                document.build_call(interpreter, data, scope, seconds=call_http.SECONDS_MAX),
                redirect=True,
            ),
            operation=self.operation,
            arguments=call_http.fill_parameters(interpreter, self.parameters, data, scope),
        )
        call: HttpCall = await interpreter.call(
            COMPOSE_OPENAPI,
            composition,
            answer=HttpCall,
            seconds=call_http.SECONDS_MAX + 5,
            scope=scope,
            repeatable=True,
        )
        call = replace(
            call,
            redirect=self.redirect,
            authentication=interpreter.fill(self.authentication, data, scope),
            raw=self.output == "raw",
        )
        answer = await call_http.request(interpreter, call, scope)
        output = call_http.select_output(call, answer, self.output)
        return TaskResult(output, authorization=answer.authorization)


def read(node: DocumentNode) -> CallOpenApi:
    """Read the members of `with`."""
    node.allow_only("document", "operationId", "parameters", "authentication", "output", "redirect")
    document = node.require("document").allow_only("name", "endpoint").require("endpoint")
    uri, authentication = call_http.read_endpoint(document)
    parameters, policy = node.get("parameters"), node.get("authentication")
    return CallOpenApi(
        document=uri,
        document_authentication=authentication,
        operation=node.require("operationId").text(),
        parameters=parameters.template_or_program() if parameters else None,
        authentication=authentication_policies.read(policy) if policy else None,
        output=call_http.read_output(node),
        redirect=call_http.read_redirect(node),
    )
