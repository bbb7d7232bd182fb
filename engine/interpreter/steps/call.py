"""`call`: a request to somebody else's service, by the kind of service."""

from __future__ import annotations

from collections.abc import Callable

from engine.interpreter import refusals
from engine.interpreter.definition import Kind
from engine.interpreter.node import Node
from engine.interpreter.steps import call_a2a, call_function, call_http, call_mcp, call_openapi

KEYS = ("call", "with")
CALLS: dict[str, Callable[[Node], Kind]] = {
    "http": call_http.read,
    "openapi": call_openapi.read,
    "mcp": call_mcp.read,
    "a2a": call_a2a.read,
}
NOT_RUN = ("grpc", "asyncapi")


def read(node: Node) -> Kind:
    """Read the step's own keys."""
    called = node.need("call")
    name = called.text()
    if name in CALLS:
        return CALLS[name](node.need("with"))
    if name in NOT_RUN:
        refusals.refuse(called, f"call.{name}")
        return call_http.NOWHERE
    return call_function.read(node, (*CALLS, *NOT_RUN)) if name else call_http.NOWHERE
