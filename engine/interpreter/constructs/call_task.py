"""`call`: a call of an external service or of a function."""

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
from engine.interpreter.constructs.placeholder import Placeholder
from engine.interpreter.runtime.interpreter import Construct
from engine.language.document_node import DocumentNode

KEYS = ("call", "with")
CALLS: dict[str, Callable[[DocumentNode], Construct]] = {
    "http": call_http.read,
    "openapi": call_openapi.read,
    "mcp": call_mcp.read,
    "a2a": call_a2a.read,
    "grpc": call_grpc.read,
    "asyncapi": call_asyncapi.read,
}


def read(node: DocumentNode) -> Construct:
    """Read the task's own keys."""
    name = node.require("call").text()
    if name in CALLS:
        return CALLS[name](node.require("with"))
    return call_function.read(node, tuple(CALLS)) if name else Placeholder()
