"""Brokers of messages, each by its protocol: one message out, or a stream of them in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from engine.calls.asyncapi import amqp_queues, mqtt, redis
from engine.calls.asyncapi.connections import who, wired
from engine.calls.asyncapi.document import Route
from engine.egress.guard import Egress
from engine.egress.targets import Wire


async def publish(
    egress: Egress,
    route: Route,
    policy: dict[str, Any],
    payload: bytes,
    told: amqp_queues.Told | None = None,
) -> None:
    """Publish one message.

    :param told: what goes beside the payload, where something can.
    :raises RefusedError: when the broker refuses.
    :raises EgressError: when it cannot be reached.
    :raises ValueError: when the document asks for what is not spoken here.
    """
    if route.protocol == "amqp":
        await amqp_queues.publish(egress, route, policy, payload, told or amqp_queues.Told())
        return
    async with _session(egress, route, policy) as wire:
        if route.protocol == "redis":
            await redis.publish(wire, route.address, payload)
            return
        retain = route.bindings.get("retain") is True
        await mqtt.publish(wire, route.address, payload, qos=_qos(route), retain=retain)


async def messages(egress: Egress, route: Route, policy: dict[str, Any]) -> AsyncIterator[bytes]:
    """Subscribe and give the messages that come, for as long as they are wanted.

    :raises RefusedError: when the broker refuses.
    :raises EgressError: when it cannot be reached, or ends the connection.
    """
    async with _session(egress, route, policy) as wire:
        if route.protocol == "redis":
            await redis.subscribe(wire, route.address)
        else:
            for message in await mqtt.subscribe(wire, route.address, qos=_qos(route)):
                yield message
        while True:
            yield await (redis if route.protocol == "redis" else mqtt).receive(wire)


@asynccontextmanager
async def _session(egress: Egress, route: Route, policy: dict[str, Any]) -> AsyncIterator[Wire]:
    told = who(route, policy)
    wire = await wired(egress, route)
    try:
        if route.protocol == "mqtt":
            await mqtt.log_in(wire, uuid4().hex[:23], told)
        elif told is not None:
            await redis.log_in(wire, *told)
        yield wire
        if route.protocol == "mqtt":
            await mqtt.log_out(wire)
    finally:
        wire[1].close()


def _qos(route: Route) -> int:
    """Return the quality of service: a message arrives at least once unless the document wants less."""
    asked = route.bindings.get("qos", 1)
    if asked not in (0, 1):
        raise ValueError(
            "the document asks for a quality of service that is not spoken here: 0 and 1 are"
        )
    return int(asked)
