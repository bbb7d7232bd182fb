"""`call`: a request to somebody else's service, by the kind of service."""

from __future__ import annotations

from engine.interpreter.definition import Kind
from engine.interpreter.node import Node
from engine.interpreter.steps import call_function, call_http, call_openapi

KEYS = ("call", "with")
NOT_YET = ("grpc", "asyncapi", "a2a", "mcp")


def read(node: Node) -> Kind:
    """Read the step's own keys."""
    called = node.need("call")
    if called.value == "openapi":
        return call_openapi.read(node.need("with"))
    if called.value == "http":
        return call_http.read(node.need("with"))
    if called.value in NOT_YET:
        called.fault(f"{called.value} is not supported yet")
        return call_http.NOWHERE
    return call_function.read(node)
