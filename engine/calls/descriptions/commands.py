"""Commands on the document of a service, for a thread of the worker or for a child process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import orjson

from engine.calls.asyncapi.document import Route, find_route
from engine.calls.openapi.operations import compose
from engine.contracts.calls import AsyncApiCall, HttpCall

COMPOSE, FIND_ROUTE = "compose", "find_route"
ERROR_CHARACTERS_MAX = 500  # it may quote a name of any length


def _compose(document: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return asdict(compose(document, **arguments))


def _find_route(document: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    call = AsyncApiCall(document=HttpCall("GET", ""), authentication=None, **arguments)
    return asdict(find_route(document, call))


_COMMANDS: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    COMPOSE: _compose,
    FIND_ROUTE: _find_route,
}


def read_json(text: bytes) -> Any:
    """Return the value of a document in JSON.

    :raises ValueError: when it is none.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the service's description cannot be read: {error}") from None


def execute(command: str, document: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a command on a document.

    :raises ValueError: when the document or the arguments are at fault.
    """
    try:
        return _COMMANDS[command](document, arguments)
    except ValueError as error:
        raise ValueError(str(error)[:ERROR_CHARACTERS_MAX]) from None
    except (TypeError, AttributeError, KeyError, RecursionError):
        raise ValueError("the service's description is malformed") from None


def route_arguments(call: AsyncApiCall) -> dict[str, Any]:
    """Return the arguments of FIND_ROUTE: what of a call decides about its route."""
    return {
        "operation": call.operation,
        "channel": call.channel,
        "server": call.server,
        "protocol": call.protocol,
        "variables": call.variables,
        "message": None if call.message is None else {},
        "timeout_seconds": call.timeout_seconds,
    }


def build_route(members: dict[str, Any]) -> Route:
    """Return the route that FIND_ROUTE found."""
    correlations = [(part, segments) for part, segments in members["correlations"]]
    return Route(**members | {"correlations": correlations})
