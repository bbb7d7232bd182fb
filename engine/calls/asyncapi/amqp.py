"""Methods of AMQP 0.9.1: connection, publication, consumption, acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader, ProtocolHeader

from engine.calls.asyncapi.amqp_frames import (
    CHANNEL,
    FRAME_BYTES_MAX,
    FRAME_OVERHEAD,
    PROTOCOL_ERROR,
    AmqpConnection,
    expect,
    read_frame,
    read_header,
    send,
)
from engine.calls.asyncapi.errors import (
    BrokerAuthenticationError,
    BrokerError,
    BrokerNotFoundError,
)
from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.egress.targets import Connection

CLOSE_SECONDS_MAX = 5.0
_CONSUMER = "c"
# Optional notices of the server that this client handles.
_CAPABILITIES = (
    "authentication_failure_close",
    "basic.nack",
    "consumer_cancel_notify",
    "publisher_confirms",
)


@dataclass(frozen=True, slots=True)
class AmqpDelivery:
    """Message of a queue; the broker stores it until its acknowledgement."""

    tag: int
    properties: commands.Basic.Properties
    body: bytes


async def log_in(transport: Connection, vhost: str, credentials: tuple[str, str]) -> AmqpConnection:
    """Open a connection to a virtual host, and a channel on it (section 2.2.4).

    :raises BrokerAuthenticationError: when the broker refuses the credentials.
    :raises BrokerError: when it refuses the connection.
    """
    connection = AmqpConnection(transport)
    await transport.write(ProtocolHeader().marshal())
    start = await expect(connection, commands.Connection.Start)
    if "PLAIN" not in str(start.mechanisms).split():
        raise BrokerError("it does not support a name with a password")
    properties: dict[str, Any] = {"capabilities": dict.fromkeys(_CAPABILITIES, True)}
    response = "\0".join(("", *credentials))
    await send(
        connection, commands.Connection.StartOk(client_properties=properties, response=response)
    )
    try:
        tune = await expect(connection, commands.Connection.Tune)
    except BrokerError as error:
        raise BrokerAuthenticationError(str(error)) from None
    size = min(tune.frame_max or FRAME_BYTES_MAX, FRAME_BYTES_MAX)
    # Without heartbeats, as no call waits longer than a minute.
    await send(
        connection, commands.Connection.TuneOk(channel_max=CHANNEL, frame_max=size, heartbeat=0)
    )
    connection.frame_bytes_max = size
    await request(
        connection, commands.Connection.Open(virtual_host=vhost), commands.Connection.OpenOk
    )
    await request(connection, commands.Channel.Open(), commands.Channel.OpenOk)
    return connection


async def log_out(connection: AmqpConnection) -> None:
    """Close the connection after the broker has read everything (section 2.2.4)."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS_MAX):
            connection.transport.expect_message()
            await send(
                connection, commands.Connection.Close(reply_code=200, class_id=0, method_id=0)
            )
            while not isinstance(
                await read_frame(connection, await read_header(connection)),
                commands.Connection.CloseOk,
            ):
                pass
    except (EgressError, TimeoutError):
        pass
    finally:
        connection.transport.close()


async def request(connection: AmqpConnection, method: Any, answer: Any) -> Any:
    """Send a method and return its answer, which must be of the given kind.

    :raises BrokerNotFoundError: when an object is missing; the connection stays usable.
    :raises BrokerError: when the broker refuses otherwise.
    """
    connection.transport.expect_message()
    await send(connection, method)
    try:
        return await expect(connection, answer)
    except BrokerNotFoundError:
        await send(connection, commands.Channel.Open())
        await expect(connection, commands.Channel.OpenOk)
        raise


async def publish(
    connection: AmqpConnection, method: commands.Basic.Publish, head: ContentHeader, body: bytes
) -> None:
    """Publish one message on a confirming channel, and wait until the broker confirms it.

    :raises BrokerError: when the broker refuses it, or has no queue for a mandatory message.
    """
    part = connection.frame_bytes_max - FRAME_OVERHEAD
    parts = [ContentBody(body[start : start + part]) for start in range(0, len(body), part)]
    connection.transport.expect_message()
    await send(connection, method, head, *parts)
    refusal = ""
    while True:
        frame = await expect(
            connection, commands.Basic.Ack, commands.Basic.Nack, commands.Basic.Return
        )
        if isinstance(frame, commands.Basic.Return):
            await _content(connection)
            refusal = f"{frame.reply_code} {frame.reply_text}"
        elif refusal:
            raise BrokerError(refusal)
        elif isinstance(frame, commands.Basic.Nack):
            raise BrokerError("the broker did not accept the message")
        else:
            return


async def consume(connection: AmqpConnection, queue: str, *, prefetch: int) -> None:
    """Start the consumption of a queue, with `prefetch` unacknowledged messages at most.

    :raises BrokerError: when the broker refuses.
    """
    await request(connection, commands.Basic.Qos(prefetch_count=prefetch), commands.Basic.QosOk)
    method = commands.Basic.Consume(queue=queue, consumer_tag=_CONSUMER)
    await request(connection, method, commands.Basic.ConsumeOk)


async def receive(connection: AmqpConnection, seconds: float) -> AmqpDelivery | None:
    """Return the next message, or None when none begins to arrive in time.

    :raises EgressError: when the connection ends, or the message is too large.
    """
    connection.transport.expect_message()
    try:
        # Only the wait for the header may time out: a frame is always read whole.
        async with asyncio.timeout(seconds):
            first = await read_header(connection)
    except TimeoutError:
        return None
    return await _delivery(
        connection, await expect(connection, commands.Basic.Deliver, first=first)
    )


async def cancel(connection: AmqpConnection, *, count_max: int) -> AsyncIterator[AmqpDelivery]:
    """Stop the consumption; yield the messages that were in transit.

    :param count_max: how many messages the broker may have sent.
    :raises EgressError: when the connection ends, or the messages are too large or too many.
    """
    await send(connection, commands.Basic.Cancel(consumer_tag=_CONSUMER))
    for _ in range(count_max + 1):
        connection.transport.expect_message()
        frame = await expect(connection, commands.Basic.Deliver, commands.Basic.CancelOk)
        if isinstance(frame, commands.Basic.CancelOk):
            return
        yield await _delivery(connection, frame)
    raise EgressError("the broker sends more messages than it may")


async def acknowledge(connection: AmqpConnection, tag: int) -> None:
    """Acknowledge a message and all before it; the broker deletes them."""
    await send(connection, commands.Basic.Ack(delivery_tag=tag, multiple=True))


async def requeue(connection: AmqpConnection, tag: int) -> None:
    """Return one message to its place in the queue."""
    await send(connection, commands.Basic.Nack(delivery_tag=tag, requeue=True))


async def _delivery(connection: AmqpConnection, method: Any) -> AmqpDelivery:
    head, body = await _content(connection)
    return AmqpDelivery(method.delivery_tag, head.properties, body)


async def _content(connection: AmqpConnection) -> tuple[ContentHeader, bytes]:
    head: ContentHeader = await expect(connection, ContentHeader)
    if head.body_size > BODY_BYTES_MAX:
        raise EgressError(f"the message is larger than {BODY_BYTES_MAX} bytes")
    body = bytearray()
    while len(body) < head.body_size:
        body += (await expect(connection, ContentBody)).value
    if len(body) > head.body_size:
        raise EgressError(PROTOCOL_ERROR)
    return head, bytes(body)
