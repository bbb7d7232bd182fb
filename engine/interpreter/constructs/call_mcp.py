"""`call: mcp`: one method of a Model Context Protocol server, over streamable HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.contracts.calls import CALL_MCP, McpCall, RpcAnswer
from engine.expressions.jq import Program
from engine.interpreter.constructs import call_http
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import unsupported
from engine.language.errors import fault
from engine.language.model import TaskResult
from engine.language.reader import DocumentNode

SECONDS_MAX = 300.0
VERSIONS = (
    "2025-06-18",
    "2025-03-26",
    "2025-11-25",
    "2026-07-28",
)  # the first is the specification's default
READING = ("tools/list", "prompts/list", "prompts/get", "resources/list", "resources/read")
METHODS = ("tools/call", *READING, "resources/templates/list")
_CLIENT = {"name": "cloud-api", "version": "1"}


@dataclass(frozen=True, slots=True)
class CallMcp:
    """Where the server is, which method, and its parameters."""

    at: call_http.CallHttp
    method: str
    parameters: Any
    version: str
    client: Any
    timeout: float | Program

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give the method's result; a tool that says it failed has a result too (`isError`).

        :raises FaultError: of kind runtime when the server refuses, communication when there is none.
        """
        asked = interpreter.seconds(self.timeout, data, scope)
        seconds = min(asked, SECONDS_MAX)
        call = McpCall(
            http=self.at.addressed(interpreter, data, scope, seconds=seconds),
            method=self.method,
            parameters=filled(interpreter, self.parameters, data, scope),
            protocol_version=self.version,
            client=interpreter.fill(self.client, data, scope),
        )
        answer: RpcAnswer = await interpreter.call(
            CALL_MCP,
            call,
            answer=RpcAnswer,
            seconds=seconds + 5,
            scope=scope,
            repeatable=self.method != "tools/call",
        )
        return TaskResult(answer.result)


def filled(interpreter: Interpreter, parameters: Any, data: Any, scope: Scope) -> dict[str, Any]:
    """Return the parameters of a remote procedure.

    :raises FaultError: of kind expression, when they are no object.
    """
    found = interpreter.fill(parameters, data, scope)
    if found is not None and not isinstance(found, dict):
        raise fault("expression", "the parameters must be an object")
    return found or {}


def read(node: DocumentNode) -> CallMcp:
    """Read the members of `with`."""
    node.allow_only("protocolVersion", "method", "parameters", "timeout", "transport", "client")
    version, parameters, timeout = (
        node.get("protocolVersion"),
        node.get("parameters"),
        node.get("timeout"),
    )
    return CallMcp(
        at=_read_transport(node.require("transport")),
        method=node.require("method").one_of(*METHODS),
        parameters=parameters.template_or_program() if parameters else None,
        version=version.one_of(*VERSIONS) if version else VERSIONS[0],
        client=_read_client(node.get("client")),
        timeout=timeout.duration() if timeout else SECONDS_MAX,
    )


def _read_transport(node: DocumentNode) -> call_http.CallHttp:
    found = node.one_member("http", "stdio", beside=("options",))
    options = node.get("options")
    if options is not None and options.members():
        options.add_fault("no options of a transport are known")
    if found is None:
        return call_http.NOWHERE
    kind, transport = found
    if kind == "stdio":
        unsupported.refuse(transport, "call.mcp.stdio")
        return call_http.NOWHERE
    uri, authentication = call_http.read_endpoint(
        transport.allow_only("endpoint", "headers").require("endpoint")
    )
    headers = transport.get("headers")
    return call_http.CallHttp("POST", uri, authentication, headers.template() if headers else None)


def _read_client(node: DocumentNode | None) -> Any:
    if node is None:
        return _CLIENT
    node.allow_only("name", "version")
    return {
        name: node.require(name).template()
        for name in ("name", "version")
        if node.require(name).text()
    }
