"""Brokers of messages, each by its protocol: one message out, or a stream of them in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import uuid4

from engine.activities import credentials, mqtt_wire, redis_wire
from engine.activities.message_routes import Route
from engine.egress.guard import Egress
from engine.egress.targets import Wire, connected, reached

PLAIN_PORTS = {"redis": (6379,), "mqtt": (1883,)}


async def publish(egress: Egress, route: Route, policy: dict[str, Any], payload: bytes) -> None:
    """Publish one message.

    :raises RefusedError: when the broker refuses.
    :raises EgressError: when it cannot be reached.
    :raises ValueError: when the document asks for what is not spoken here.
    """
    async with _session(egress, route, policy) as wire:
        if route.protocol == "redis":
            await redis_wire.publish(wire, route.address, payload)
            return
        retain = route.bindings.get("retain") is True
        await mqtt_wire.publish(wire, route.address, payload, qos=_qos(route), retain=retain)


async def messages(egress: Egress, route: Route, policy: dict[str, Any]) -> AsyncIterator[bytes]:
    """Subscribe and give the messages that come, for as long as they are wanted.

    :raises RefusedError: when the broker refuses.
    :raises EgressError: when it cannot be reached, or ends the connection.
    """
    async with _session(egress, route, policy) as wire:
        if route.protocol == "redis":
            await redis_wire.subscribe(wire, route.address)
        else:
            for message in await mqtt_wire.subscribe(wire, route.address, qos=_qos(route)):
                yield message
        while True:
            yield await (redis_wire if route.protocol == "redis" else mqtt_wire).receive(wire)


def _session(egress: Egress, route: Route, policy: dict[str, Any]) -> AbstractAsyncContextManager[Wire]:
    if policy and "basic" not in policy:
        raise credentials.unknown(route.protocol, "basic")
    return _opened(egress, route, credentials.name_and_password(policy) if policy else None)


@asynccontextmanager
async def _opened(egress: Egress, route: Route, who: tuple[str, str] | None) -> AsyncIterator[Wire]:
    plain = None if route.tls else PLAIN_PORTS[route.protocol]
    target = await reached(egress, route.host, route.port, plain=plain)
    wire = await connected(egress, target, tls=route.tls, line_bytes_max=redis_wire.LINE_BYTES_MAX)
    try:
        if route.protocol == "mqtt":
            await mqtt_wire.log_in(wire, uuid4().hex[:23], who)
        elif who is not None:
            await redis_wire.log_in(wire, *who)
        yield wire
        if route.protocol == "mqtt":
            await mqtt_wire.log_out(wire)
    finally:
        wire[1].close()


def _qos(route: Route) -> int:
    """Return the quality of service: a message arrives at least once unless the document wants less."""
    asked = route.bindings.get("qos", 1)
    if asked not in (0, 1):
        raise ValueError("the document asks for a quality of service that is not spoken here: 0 and 1 are")
    return int(asked)
