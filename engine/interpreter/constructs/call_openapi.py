"""`call: openapi`: an operation of a service, found by its id in the service's own description."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.contracts.calls import COMPOSE_OPENAPI, HttpCall, OpenApiCall
from engine.expressions.jq import Program
from engine.interpreter.constructs import authentication_policies, call_http
from engine.interpreter.constructs.call_mcp import filled
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.model import TaskResult
from engine.language.reader import DocumentNode


@dataclass(frozen=True, slots=True)
class CallOpenApi:
    """Where the description is, which operation, and its arguments."""

    document: str | Program
    document_authentication: Any
    operation: str
    parameters: Any
    authentication: Any
    output: str
    redirect: bool

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give the operation's answer.

        :raises FaultError: of kind communication, or configuration when there is no such operation.
        """
        described = call_http.CallHttp("GET", self.document, self.document_authentication)
        asked = OpenApiCall(
            document=replace(
                described.addressed(interpreter, data, scope, seconds=call_http.SECONDS_MAX),
                redirect=True,
            ),
            operation=self.operation,
            arguments=filled(interpreter, self.parameters, data, scope),
        )
        call: HttpCall = await interpreter.call(
            COMPOSE_OPENAPI,
            asked,
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
        shown = call_http.shown(call, answer, self.output)
        return TaskResult(shown, authorization=answer.authorization)


def read(node: DocumentNode) -> CallOpenApi:
    """Read the members of `with`."""
    node.allow_only("document", "operationId", "parameters", "authentication", "output", "redirect")
    document = node.require("document").allow_only("name", "endpoint").require("endpoint")
    where, authentication = call_http.read_endpoint(document)
    parameters, own = node.get("parameters"), node.get("authentication")
    return CallOpenApi(
        document=where,
        document_authentication=authentication,
        operation=node.require("operationId").text(),
        parameters=parameters.template_or_program() if parameters else None,
        authentication=authentication_policies.read(own) if own else None,
        output=call_http.read_output(node),
        redirect=call_http.read_redirect(node),
    )
