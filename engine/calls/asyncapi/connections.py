"""The way to a broker: which port it may be spoken to at, on which connection, and as whom."""

from __future__ import annotations

from typing import Any

from engine.calls import credentials
from engine.calls.asyncapi.document import Route
from engine.calls.asyncapi.redis import LINE_BYTES_MAX
from engine.egress.guard import Egress
from engine.egress.targets import Wire, connected, reached

PLAIN_PORTS = {"redis": (6379,), "mqtt": (1883,), "amqp": (5672,)}


async def wired(egress: Egress, route: Route) -> Wire:
    """Connect to the broker of a route.

    :raises EgressError: when it may not be reached, or is not.
    """
    plain = None if route.tls else PLAIN_PORTS[route.protocol]
    target = await reached(egress, route.host, route.port, plain=plain)
    return await connected(egress, target, tls=route.tls, line_bytes_max=LINE_BYTES_MAX)


def who(route: Route, policy: dict[str, Any]) -> tuple[str, str] | None:
    """Return the name and the password that a broker is told, if it is told any.

    :raises ApplicationError: when a broker cannot be told what the policy says.
    """
    if policy and "basic" not in policy:
        raise credentials.unknown(route.protocol, "basic")
    return credentials.name_and_password(policy) if policy else None
