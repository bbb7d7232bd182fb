"""Brokers of messages, each by its protocol: one message out, or a stream of them in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from engine.activities import mqtt_wire, queues, redis_wire
from engine.activities.broker_wires import who, wired
from engine.activities.message_routes import Route
from engine.egress.guard import Egress
from engine.egress.targets import Wire


async def publish(
    egress: Egress, route: Route, policy: dict[str, Any], payload: bytes, told: queues.Told | None = None
) -> None:
    """Publish one message.

    :param told: what goes beside the payload, where something can.
    :raises RefusedError: when the broker refuses.
    :raises EgressError: when it cannot be reached.
    :raises ValueError: when the document asks for what is not spoken here.
    """
    if route.protocol == "amqp":
        await queues.publish(egress, route, policy, payload, told or queues.Told())
        return
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


@asynccontextmanager
async def _session(egress: Egress, route: Route, policy: dict[str, Any]) -> AsyncIterator[Wire]:
    told = who(route, policy)
    wire = await wired(egress, route)
    try:
        if route.protocol == "mqtt":
            await mqtt_wire.log_in(wire, uuid4().hex[:23], told)
        elif told is not None:
            await redis_wire.log_in(wire, *told)
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
