"""Connections to brokers: allowed ports, and credentials."""

from __future__ import annotations

from typing import Any

from engine.calls import credentials
from engine.calls.asyncapi.document import Route
from engine.calls.asyncapi.redis import LINE_BYTES_MAX
from engine.egress.guard import Egress
from engine.egress.targets import Connection, connect, resolve_target

PLAIN_PORTS = {"redis": (6379,), "mqtt": (1883,), "amqp": (5672,)}


async def connect_to_broker(egress: Egress, route: Route) -> Connection:
    """Connect to the broker of a route.

    :raises EgressError: when it is not allowed or cannot be reached.
    """
    plain = None if route.tls else PLAIN_PORTS[route.protocol]
    target = await resolve_target(egress, route.host, route.port, plain=plain)
    return await connect(egress, target, tls=route.tls, line_bytes_max=LINE_BYTES_MAX)


def broker_credentials(route: Route, policy: dict[str, Any]) -> tuple[str, str] | None:
    """Return the name and the password for a broker, or None without a policy.

    :raises ApplicationError: when a broker does not support the policy's scheme.
    """
    if policy and "basic" not in policy:
        raise credentials.unsupported_policy(route.protocol, "basic")
    return credentials.name_and_password(policy) if policy else None
