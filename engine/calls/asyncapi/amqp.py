"""What is said to an AMQP 0.9.1 broker, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader, ProtocolHeader

from engine.calls.asyncapi.amqp_frames import (
    AROUND,
    CHANNEL,
    FRAME_BYTES_MAX,
    NOT_AMQP,
    Link,
    MissingError,
    expect,
    next_head,
    read,
    send,
)
from engine.calls.asyncapi.mqtt import UnknownError
from engine.calls.asyncapi.redis import RefusedError
from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.egress.targets import Wire

GOODBYE_SECONDS_MAX = 5.0
_CONSUMER = "c"
# What a server may tell that it would otherwise leave to be guessed.
_CAPABILITIES = (
    "authentication_failure_close",
    "basic.nack",
    "consumer_cancel_notify",
    "publisher_confirms",
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of a queue, which is not the consumer's until it is acknowledged."""

    tag: int
    properties: commands.Basic.Properties
    body: bytes


async def log_in(wire: Wire, vhost: str, who: tuple[str, str]) -> Link:
    """Open a connection to a virtual host, and a channel on it (section 2.2.4).

    :raises RefusedError: when the broker does not know who asks, or does not let them in.
    """
    link = Link(wire)
    wire[1].write(ProtocolHeader().marshal())
    start = await expect(link, commands.Connection.Start)
    if "PLAIN" not in str(start.mechanisms).split():
        raise RefusedError("a name and a password are not what it asks for")
    capable: dict[str, Any] = {"capabilities": dict.fromkeys(_CAPABILITIES, True)}
    said = "\0".join(("", *who))
    await send(link, commands.Connection.StartOk(client_properties=capable, response=said))
    try:
        tune = await expect(link, commands.Connection.Tune)
    except RefusedError as error:
        raise UnknownError(str(error)) from None
    size = min(tune.frame_max or FRAME_BYTES_MAX, FRAME_BYTES_MAX)
    # Without heartbeats: no call waits longer than a minute for anything.
    await send(link, commands.Connection.TuneOk(channel_max=CHANNEL, frame_max=size, heartbeat=0))
    link.frame_bytes_max = size
    await ask(link, commands.Connection.Open(virtual_host=vhost), commands.Connection.OpenOk)
    await ask(link, commands.Channel.Open(), commands.Channel.OpenOk)
    return link


async def log_out(link: Link) -> None:
    """Say goodbye and wait until the broker has heard all that was said before (section 2.2.4)."""
    try:
        async with asyncio.timeout(GOODBYE_SECONDS_MAX):
            await send(link, commands.Connection.Close(reply_code=200, class_id=0, method_id=0))
            while not isinstance(
                await read(link, await next_head(link)), commands.Connection.CloseOk
            ):
                pass
    except (EgressError, TimeoutError):
        pass
    finally:
        link.wire[1].close()


async def ask(link: Link, method: Any, answer: Any) -> Any:
    """Ask for something and return the answer, which must be of this kind.

    :raises RefusedError: when the broker refuses; a `MissingError` leaves the connection as it was.
    """
    await send(link, method)
    try:
        return await expect(link, answer)
    except MissingError:
        await send(link, commands.Channel.Open())
        await expect(link, commands.Channel.OpenOk)
        raise


async def publish(
    link: Link, method: commands.Basic.Publish, head: ContentHeader, body: bytes
) -> None:
    """Publish one message on a channel that confirms, and wait until the broker has it.

    :raises RefusedError: when it does not take it, or finds no queue for one that must get to a queue.
    """
    part = link.frame_bytes_max - AROUND
    parts = [ContentBody(body[begin : begin + part]) for begin in range(0, len(body), part)]
    await send(link, method, head, *parts)
    returned = ""
    while True:
        told = await expect(link, commands.Basic.Ack, commands.Basic.Nack, commands.Basic.Return)
        if isinstance(told, commands.Basic.Return):
            await _content(link)
            returned = f"{told.reply_code} {told.reply_text}"
        elif returned:
            raise RefusedError(returned)
        elif isinstance(told, commands.Basic.Nack):
            raise RefusedError("the message was not taken")
        else:
            return


async def consume(link: Link, queue: str, *, prefetch: int) -> None:
    """Have messages of a queue sent, as many at most as are not acknowledged yet.

    :raises RefusedError: when the broker refuses.
    """
    await ask(link, commands.Basic.Qos(prefetch_count=prefetch), commands.Basic.QosOk)
    asked = commands.Basic.Consume(queue=queue, consumer_tag=_CONSUMER)
    await ask(link, asked, commands.Basic.ConsumeOk)


async def receive(link: Link, seconds: float) -> Delivery | None:
    """Return the next message, or nothing when none begins to come in time.

    :raises EgressError: when the connection ends, or what comes is no message that a step may hold.
    """
    try:
        async with asyncio.timeout(
            seconds
        ):  # the first bytes alone are given up: what has begun is read
            first = await next_head(link)
    except TimeoutError:
        return None
    return await _delivery(link, await expect(link, commands.Basic.Deliver, first=first))


async def cancel(link: Link) -> AsyncIterator[Delivery]:
    """Have no more messages sent; give those that were on their way.

    :raises EgressError: when the connection ends, or what comes is no message that a step may hold.
    """
    await send(link, commands.Basic.Cancel(consumer_tag=_CONSUMER))
    while True:
        told = await expect(link, commands.Basic.Deliver, commands.Basic.CancelOk)
        if isinstance(told, commands.Basic.CancelOk):
            return
        yield await _delivery(link, told)


async def acknowledge(link: Link, tag: int) -> None:
    """Say that a message, and all before it, need not be kept any longer."""
    await send(link, commands.Basic.Ack(delivery_tag=tag, multiple=True))


async def give_back(link: Link, tag: int) -> None:
    """Put one message back to where it was in its queue."""
    await send(link, commands.Basic.Nack(delivery_tag=tag, requeue=True))


async def _delivery(link: Link, told: Any) -> Delivery:
    head, body = await _content(link)
    return Delivery(told.delivery_tag, head.properties, body)


async def _content(link: Link) -> tuple[ContentHeader, bytes]:
    head: ContentHeader = await expect(link, ContentHeader)
    if head.body_size > BODY_BYTES_MAX:
        raise EgressError(f"the message is larger than {BODY_BYTES_MAX} bytes")
    body = bytearray()
    while len(body) < head.body_size:
        body += (await expect(link, ContentBody)).value
    if len(body) > head.body_size:
        raise EgressError(NOT_AMQP)
    return head, bytes(body)
