"""Message brokers by protocol: publication of one message, or a stream of messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from engine.calls.asyncapi import amqp_queues, mqtt, redis
from engine.calls.asyncapi.connections import broker_credentials, connect_to_broker
from engine.calls.asyncapi.document import Route
from engine.egress.guard import Egress
from engine.egress.targets import Connection


async def publish(
    egress: Egress,
    route: Route,
    policy: dict[str, Any],
    payload: bytes,
    properties: amqp_queues.MessageProperties | None = None,
) -> None:
    """Publish one message.

    :param properties: of the message, for protocols that have them.
    :raises BrokerError: when the broker refuses.
    :raises EgressError: when it cannot be reached.
    :raises ValueError: when the document requires something that is not supported.
    """
    if route.protocol == "amqp":
        await amqp_queues.publish(
            egress, route, policy, payload, properties or amqp_queues.MessageProperties()
        )
        return
    async with _session(egress, route, policy) as connection:
        if route.protocol == "redis":
            await redis.publish(connection, route.address, payload)
            return
        retain = route.bindings.get("retain") is True
        await mqtt.publish(connection, route.address, payload, qos=_qos(route), retain=retain)


async def iterate_messages(
    egress: Egress, route: Route, policy: dict[str, Any]
) -> AsyncIterator[bytes]:
    """Subscribe and yield the messages.

    :raises BrokerError: when the broker refuses.
    :raises EgressError: when it cannot be reached, or ends the connection.
    """
    async with _session(egress, route, policy) as connection:
        if route.protocol == "redis":
            await redis.subscribe(connection, route.address)
        else:
            for message in await mqtt.subscribe(connection, route.address, qos=_qos(route)):
                yield message
        while True:
            yield await (redis if route.protocol == "redis" else mqtt).receive(connection)


@asynccontextmanager
async def _session(
    egress: Egress, route: Route, policy: dict[str, Any]
) -> AsyncIterator[Connection]:
    credentials = broker_credentials(route, policy)
    connection = await connect_to_broker(egress, route)
    try:
        if route.protocol == "mqtt":
            await mqtt.log_in(connection, uuid4().hex[:23], credentials)
        elif credentials is not None:
            await redis.log_in(connection, *credentials)
        yield connection
        if route.protocol == "mqtt":
            await mqtt.log_out(connection)
    finally:
        connection.close()


def _qos(route: Route) -> int:
    """Return the quality of service: at least once, unless the document says at most once."""
    qos = route.bindings.get("qos", 1)
    if qos not in (0, 1):
        raise ValueError("the document's quality of service is not supported: 0 and 1 are")
    return int(qos)
