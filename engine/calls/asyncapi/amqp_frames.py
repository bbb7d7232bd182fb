"""The frames of AMQP 0.9.1 on a connection that the guard made; `pamqp` writes and reads what is in them.

The clients there are put a body together of whatever size is announced and begin a task for each message
that comes. Here one thing is asked for at a time, and nothing is read that was not asked for.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Any

from pamqp import commands, frame
from pamqp.constants import (
    FRAME_BODY,
    FRAME_HEADER,
    FRAME_HEADER_SIZE,
    FRAME_HEARTBEAT,
    FRAME_METHOD,
)
from pamqp.exceptions import PAMQPException
from pamqp.heartbeat import Heartbeat

from engine.calls.asyncapi.redis import RefusedError
from engine.egress.guard import EgressError
from engine.egress.targets import Wire

FRAME_BYTES_MAX = 131_072
FRAME_BYTES_MIN = 4_096
# Of a method, or of the headers of a message: reading a table takes time by the square of its size.
TABLE_BYTES_MAX = 16_384
AROUND = 8  # bytes of a frame beside what it holds
CHANNEL = 1  # the only one
NOT_AMQP = "the server does not speak AMQP 0.9.1"
_ENDED = "the server ended the connection"
_MISSING = 404


class MissingError(RefusedError):
    """A broker that does not have what was named."""


@dataclass(slots=True)
class Link:
    """A connection with one channel, and how large a frame on it may be."""

    wire: Wire
    frame_bytes_max: int = FRAME_BYTES_MAX


async def send(link: Link, *frames: Any) -> None:
    """Write frames.

    :raises EgressError: when the connection has ended.
    :raises ValueError: when one has a value that AMQP has no place for.
    """
    try:
        written = b"".join(
            frame.marshal(one, 0 if one.name.startswith("Connection.") else CHANNEL)
            for one in frames
        )
    except (TypeError, ValueError, struct.error) as error:
        raise ValueError(f"this cannot be said by AMQP: {error}") from None
    try:
        link.wire[1].write(written)
        await link.wire[1].drain()
    except OSError:
        raise EgressError(_ENDED, code="unreachable") from None


async def expect(link: Link, *kinds: Any, first: bytes = b"") -> Any:
    """Return the next frame, which must be one of these.

    :param first: how it began, when that has been read.
    :raises RefusedError: when the broker ends the connection, the channel, or the consumption.
    :raises EgressError: when it ends the connection without a word, or says something else.
    """
    while True:
        found = await read(link, first or await next_head(link))
        first = b""
        if isinstance(found, kinds):
            return found
        if isinstance(found, commands.Connection.Close | commands.Channel.Close):
            raise await _refusal(link, found)
        if isinstance(found, commands.Basic.Cancel):
            raise RefusedError("the queue is no more")
        if not isinstance(found, Heartbeat):
            raise EgressError(NOT_AMQP)


async def _refusal(
    link: Link, told: commands.Connection.Close | commands.Channel.Close
) -> RefusedError:
    """Say that the end of the connection, or of the channel, was heard; return the reason for it."""
    text = f"{told.reply_code} {told.reply_text}"
    if isinstance(told, commands.Connection.Close):
        await send(link, commands.Connection.CloseOk())
        return RefusedError(text)
    await send(link, commands.Channel.CloseOk())
    return MissingError(text) if told.reply_code == _MISSING else RefusedError(text)


async def next_head(link: Link) -> bytes:
    """Wait for a frame to begin; waiting can be given up without loss.

    :raises EgressError: when the connection ends.
    """
    try:
        return await link.wire[0].readexactly(FRAME_HEADER_SIZE)
    except (asyncio.IncompleteReadError, OSError):
        raise EgressError(_ENDED, code="unreachable") from None


async def read(link: Link, head: bytes) -> Any:
    """Return the frame that began.

    :raises EgressError: when the connection ends, or it is none that is read here.
    """
    kind, _, size = struct.unpack(">BHI", head)
    if kind not in (FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT):
        raise EgressError(NOT_AMQP)
    if kind != FRAME_BODY and size > TABLE_BYTES_MAX:
        raise EgressError(f"the message has headers of more than {TABLE_BYTES_MAX} bytes")
    if size > link.frame_bytes_max - AROUND:
        raise EgressError(NOT_AMQP)
    try:
        rest = await link.wire[0].readexactly(size + 1)
    except (asyncio.IncompleteReadError, OSError):
        raise EgressError(_ENDED, code="unreachable") from None
    try:
        return frame.unmarshal(head + rest)[2]
    except (
        PAMQPException,
        ValueError,
        TypeError,
        ArithmeticError,
        OSError,
        struct.error,
        RecursionError,
    ):
        raise EgressError(NOT_AMQP) from None
