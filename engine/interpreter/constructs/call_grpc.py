"""`call: grpc`: one method of a service that its proto describes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from engine.contracts.calls import CALL_GRPC, GrpcCall, RpcAnswer
from engine.interpreter.constructs import authentication_policies, call_http
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.model import TaskResult

SECONDS_MAX = 30.0
PORT = 443
PORT_MAX = 65_535

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CallGrpc:
    """Call of a method of a gRPC service, with the endpoint of the service's proto."""

    proto: call_http.CallHttp
    service: str
    host: str
    port: int
    method: str
    arguments: Any
    authentication: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the method's message; of a method that streams, all messages in order.

        :raises FaultError: of kind configuration when the proto has no such method, of kind
            validation when the arguments do not match it, otherwise by the service's status.
        """
        call = GrpcCall(
            proto=replace(
                self.proto.build_call(interpreter, data, scope, seconds=SECONDS_MAX), redirect=True
            ),
            service=self.service,
            host=self.host,
            port=self.port,
            method=self.method,
            arguments=call_http.fill_parameters(interpreter, self.arguments, data, scope),
            authentication=interpreter.fill(self.authentication, data, scope),
            timeout_seconds=SECONDS_MAX,
        )
        answer: RpcAnswer = await interpreter.call(
            CALL_GRPC, call, answer=RpcAnswer, seconds=SECONDS_MAX + 5, scope=scope
        )
        return TaskResult(answer.result)


def read(node: DocumentNode) -> CallGrpc:
    """Read the members of `with`."""
    node.allow_only("proto", "service", "method", "arguments")
    endpoint = node.require("proto").allow_only("name", "endpoint").require("endpoint")
    service = node.require("service").allow_only("name", "host", "port", "authentication")
    arguments, policy = node.get("arguments"), service.get("authentication")
    return CallGrpc(
        proto=call_http.CallHttp("GET", *call_http.read_endpoint(endpoint)),
        service=service.require("name").text(),
        host=_read_host(service.require("host")),
        port=_read_port(service.get("port")),
        method=node.require("method").text(),
        arguments=arguments.template_or_program() if arguments else None,
        authentication=_read_policy(policy) if policy else None,
    )


def _read_host(node: DocumentNode) -> str:
    host = node.text()
    if host and not _HOST.fullmatch(host):
        node.add_fault("must be a host's name: letters, digits, dots and hyphens")
    return host


def _read_port(node: DocumentNode | None) -> int:
    if node is None:
        return PORT
    if (
        isinstance(node.value, int)
        and not isinstance(node.value, bool)
        and 0 < node.value <= PORT_MAX
    ):
        return node.value
    node.add_fault(f"must be a number from 1 to {PORT_MAX}")
    return PORT


def _read_policy(node: DocumentNode) -> Any:
    policy = authentication_policies.read(node)
    if isinstance(policy, dict) and "digest" in policy:
        node.add_fault("digest is not for grpc: its challenge belongs to http")
    return policy
