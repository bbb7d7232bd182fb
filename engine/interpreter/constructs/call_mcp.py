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
from engine.language.document_node import DocumentNode
from engine.language.model import TaskResult

SECONDS_MAX = 300.0
# The first is the specification's default.
VERSIONS = ("2025-06-18", "2025-03-26", "2025-11-25", "2026-07-28")
READ_METHODS = ("tools/list", "prompts/list", "prompts/get", "resources/list", "resources/read")
METHODS = ("tools/call", *READ_METHODS, "resources/templates/list")
_CLIENT = {"name": "cloud-api", "version": "1"}


@dataclass(frozen=True, slots=True)
class CallMcp:
    """Call of a method of an MCP server."""

    endpoint: call_http.CallHttp
    method: str
    parameters: Any
    version: str
    client: Any
    timeout: float | Program

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the method's result; a tool that fails has a result too (`isError`).

        :raises FaultError: of kind runtime when the server answers an error, of kind communication
            when it cannot be reached.
        """
        seconds = min(interpreter.seconds(self.timeout, data, scope), SECONDS_MAX)
        call = McpCall(
            http=self.endpoint.build_call(interpreter, data, scope, seconds=seconds),
            method=self.method,
            parameters=call_http.fill_parameters(interpreter, self.parameters, data, scope),
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


def read(node: DocumentNode) -> CallMcp:
    """Read the members of `with`."""
    node.allow_only("protocolVersion", "method", "parameters", "timeout", "transport", "client")
    version, parameters, timeout = (
        node.get("protocolVersion"),
        node.get("parameters"),
        node.get("timeout"),
    )
    return CallMcp(
        endpoint=_read_transport(node.require("transport")),
        method=node.require("method").one_of(*METHODS),
        parameters=parameters.template_or_program() if parameters else None,
        version=version.one_of(*VERSIONS) if version else VERSIONS[0],
        client=_read_client(node.get("client")),
        timeout=timeout.duration() if timeout else SECONDS_MAX,
    )


def _read_transport(node: DocumentNode) -> call_http.CallHttp:
    member = node.one_member("http", "stdio", beside=("options",))
    options = node.get("options")
    if options is not None and options.members():
        options.add_fault("no options of a transport are known")
    if member is None:
        return call_http.NO_ENDPOINT
    kind, transport = member
    if kind == "stdio":
        unsupported.refuse(transport, "call.mcp.stdio")
        return call_http.NO_ENDPOINT
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
