"""Publication to and consumption from AMQP brokers, which store a message until acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pamqp.commands import Basic, Confirm, Exchange, Queue
from pamqp.header import ContentHeader

from engine.calls.asyncapi import amqp
from engine.calls.asyncapi.amqp import AmqpDelivery
from engine.calls.asyncapi.amqp_bindings import AmqpAddress, properties, resolve_address, vhost
from engine.calls.asyncapi.amqp_frames import AmqpConnection
from engine.calls.asyncapi.connections import broker_credentials, connect_to_broker
from engine.calls.asyncapi.document import Route
from engine.calls.asyncapi.errors import BrokerNotFoundError
from engine.egress.guard import BODY_BYTES_MAX, Egress

# Credentials without a policy: AMQP requires a name, and brokers have this account for it.
GUEST = ("guest", "guest")


@dataclass(frozen=True, slots=True)
class MessageProperties:
    """Properties of a message besides its payload."""

    headers: dict[str, Any] = field(default_factory=dict)
    media_type: str = "application/json"
    correlation_id: str | None = None


async def publish(
    egress: Egress, route: Route, policy: dict[str, Any], payload: bytes, message: MessageProperties
) -> None:
    """Publish one message and wait for the broker's confirmation; a queue must receive it.

    :raises BrokerError: when the broker refuses.
    :raises EgressError: when it cannot be reached.
    :raises ValueError: when AMQP cannot represent what the document describes.
    """
    address = resolve_address(route)
    head = ContentHeader(
        body_size=len(payload),
        properties=properties(
            route, message.headers, message.media_type, message.correlation_id, datetime.now(UTC)
        ),
    )
    mandatory = address.queue is not None or route.bindings.get("mandatory") is True
    method = Basic.Publish(exchange=address.exchange, routing_key=address.key, mandatory=mandatory)
    async with connect(egress, route, policy) as connection:
        if not address.is_exclusive:
            await _declare_if_missing(connection, address)
        await amqp.request(connection, Confirm.Select(), Confirm.SelectOk)
        await amqp.publish(connection, method, head, payload)
        await amqp.log_out(connection)


class QueueConsumer:
    """Consumer of one queue; between two receptions all messages lie in the queue.

    The broker stores received messages until `acknowledge`; when the connection ends before, they
    return to the queue.
    """

    def __init__(self, egress: Egress, route: Route, policy: dict[str, Any]) -> None:
        self._egress, self._route, self._policy = egress, route, policy
        self._link: AmqpConnection | None = None
        self._queue = ""
        self.lock = asyncio.Lock()

    async def receive(self, count_max: int, *, linger: bool, seconds: float) -> list[AmqpDelivery]:
        """Return the messages in the queue, at least one unless the time ends before.

        :param linger: wait for `count_max` messages.
        :raises BrokerError: when the broker refuses.
        :raises EgressError: when it cannot be reached, or a message is too large.
        """
        connection = self._link = self._link or await self._open()
        await amqp.consume(connection, self._queue, prefetch=count_max)
        batch, loop = _Batch(), asyncio.get_running_loop()
        until = loop.time() + seconds
        while len(batch.deliveries) < (count_max if linger else 1) and not batch.excess_tags:
            delivery = await amqp.receive(connection, until - loop.time())
            if delivery is None:
                break
            batch.add(delivery)
        count_rest = count_max - len(batch.deliveries) - len(batch.excess_tags)
        async for delivery in amqp.cancel(connection, count_max=count_rest):
            batch.add(delivery)
        for tag in batch.excess_tags:
            await amqp.requeue(connection, tag)
        return batch.deliveries

    async def acknowledge(self, deliveries: list[AmqpDelivery], *, close: bool) -> None:
        """Acknowledge the messages; with `close`, close the connection."""
        if self._link is not None:
            await amqp.acknowledge(self._link, deliveries[-1].tag)
        if close:
            await self.close()

    async def close(self) -> None:
        """Close the connection by the protocol."""
        if self._link is not None:
            connection, self._link = self._link, None
            await amqp.log_out(connection)

    def abort(self) -> None:
        """Abort the connection; messages without acknowledgement return to the queue."""
        if self._link is not None:
            self._link.transport.close()
            self._link = None

    async def _open(self) -> AmqpConnection:
        address = resolve_address(self._route)
        if (
            address.queue
            and address.declaration
            and address.declaration.get("auto_delete")
            and not address.is_exclusive
        ):
            raise ValueError("a queue with autoDelete can be consumed only if it is exclusive")
        async with connect(self._egress, self._route, self._policy, keep_open=True) as connection:
            await _declare_if_missing(connection, address)
            self._queue = address.queue or await _bind_queue(connection, address)
        return connection


@dataclass(slots=True)
class _Batch:
    """Messages within the size limit of an activity, and the tags of the excess ones."""

    deliveries: list[AmqpDelivery] = field(default_factory=list)
    excess_tags: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, delivery: AmqpDelivery) -> None:
        self.size += len(delivery.body)
        if self.excess_tags or (self.deliveries and self.size > BODY_BYTES_MAX):
            self.excess_tags.append(delivery.tag)
        else:
            self.deliveries.append(delivery)


@asynccontextmanager
async def connect(
    egress: Egress, route: Route, policy: dict[str, Any], *, keep_open: bool = False
) -> AsyncIterator[AmqpConnection]:
    """Log in to a broker for a block.

    With `keep_open`, only an error in the block closes the connection.
    """
    credentials = broker_credentials(route, policy) or GUEST
    transport = await connect_to_broker(egress, route)
    is_kept = False
    try:
        yield await amqp.log_in(transport, vhost(route), credentials)
        is_kept = keep_open
    finally:
        if not is_kept:
            transport.close()


async def _declare_if_missing(connection: AmqpConnection, address: AmqpAddress) -> None:
    """Declare the queue or exchange if the broker lacks it and the document describes it."""
    if address.declaration is None:
        return
    if address.is_exclusive:
        # The queue ends with its connection.
        await _declare(connection, address, {**address.declaration, "auto_delete": False})
        return
    try:
        await _declare(connection, address, {"passive": True})
    except BrokerNotFoundError:
        await _declare(connection, address, address.declaration)


async def _declare(
    connection: AmqpConnection, address: AmqpAddress, arguments: dict[str, Any]
) -> None:
    if address.queue is not None:
        await amqp.request(
            connection, Queue.Declare(queue=address.queue, **arguments), Queue.DeclareOk
        )
        return
    arguments = {name: value for name, value in arguments.items() if name != "exclusive"}
    method = Exchange.Declare(exchange=address.exchange, exchange_type=address.kind, **arguments)
    await amqp.request(connection, method, Exchange.DeclareOk)


async def _bind_queue(connection: AmqpConnection, address: AmqpAddress) -> str:
    """Declare an exclusive queue, bind it to the exchange, and return its name."""
    queue = (await amqp.request(connection, Queue.Declare(exclusive=True), Queue.DeclareOk)).queue
    method = Queue.Bind(queue=queue, exchange=address.exchange, routing_key=address.key)
    await amqp.request(connection, method, Queue.BindOk)
    return str(queue)
