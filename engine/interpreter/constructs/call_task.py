"""`call`: a request to somebody else's service, by the kind of service."""

from __future__ import annotations

from collections.abc import Callable

from engine.interpreter.constructs import (
    call_a2a,
    call_asyncapi,
    call_function,
    call_grpc,
    call_http,
    call_mcp,
    call_openapi,
)
from engine.interpreter.runtime.interpreter import Construct
from engine.language.reader import Node

KEYS = ("call", "with")
CALLS: dict[str, Callable[[Node], Construct]] = {
    "http": call_http.read,
    "openapi": call_openapi.read,
    "mcp": call_mcp.read,
    "a2a": call_a2a.read,
    "grpc": call_grpc.read,
    "asyncapi": call_asyncapi.read,
}


def read(node: Node) -> Construct:
    """Read the step's own keys."""
    called = node.need("call")
    name = called.text()
    if name in CALLS:
        return CALLS[name](node.need("with"))
    return call_function.read(node, tuple(CALLS)) if name else call_http.NOWHERE
