"""Frames of AMQP 0.9.1 on a connection through the egress guard; `pamqp` encodes their content.

AMQP clients assemble a body of any size that a broker announces, and start a task for each message.
This module makes one request at a time and reads nothing that it did not request.
"""

from __future__ import annotations

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

from engine.calls.asyncapi.errors import BrokerError, BrokerNotFoundError
from engine.egress.guard import EgressError
from engine.egress.targets import Connection

FRAME_BYTES_MAX = 131_072
FRAME_BYTES_MIN = 4_096
# Limit of a method and of a message's headers: the time to read a table is quadratic in its size.
TABLE_BYTES_MAX = 16_384
FRAME_OVERHEAD = 8  # bytes of a frame besides its content
CHANNEL = 1  # the only channel
PROTOCOL_ERROR = "the server does not speak AMQP 0.9.1"
_MISSING = 404


@dataclass(slots=True)
class AmqpConnection:
    """Connection with one channel and its limit for frames."""

    transport: Connection
    frame_bytes_max: int = FRAME_BYTES_MAX


async def send(connection: AmqpConnection, *frames: Any) -> None:
    """Write frames.

    :raises EgressError: when the connection has ended.
    :raises ValueError: when AMQP cannot represent a value in them.
    """
    try:
        octets = b"".join(
            frame.marshal(one, 0 if one.name.startswith("Connection.") else CHANNEL)
            for one in frames
        )
    except (TypeError, ValueError, struct.error) as error:
        raise ValueError(f"AMQP cannot represent this: {error}") from None
    await connection.transport.write(octets)


async def expect(connection: AmqpConnection, *kinds: Any, first: bytes = b"") -> Any:
    """Return the next frame, which must be of one of the kinds.

    :param first: the frame's header, when it has been read.
    :raises BrokerError: when the broker ends the connection, the channel or the consumption.
    :raises EgressError: when the connection breaks off, or the frame is of another kind.
    """
    while True:
        content = await read_frame(connection, first or await read_header(connection))
        first = b""
        if isinstance(content, kinds):
            return content
        if isinstance(content, commands.Connection.Close | commands.Channel.Close):
            raise await _refusal(connection, content)
        if isinstance(content, commands.Basic.Cancel):
            raise BrokerError("the queue was deleted")
        if not isinstance(content, Heartbeat):
            raise EgressError(PROTOCOL_ERROR)


async def _refusal(
    connection: AmqpConnection, close: commands.Connection.Close | commands.Channel.Close
) -> BrokerError:
    """Confirm the end of the connection or of the channel; return its reason as an error."""
    text = f"{close.reply_code} {close.reply_text}"
    if isinstance(close, commands.Connection.Close):
        await send(connection, commands.Connection.CloseOk())
        return BrokerError(text)
    await send(connection, commands.Channel.CloseOk())
    return BrokerNotFoundError(text) if close.reply_code == _MISSING else BrokerError(text)


async def read_header(connection: AmqpConnection) -> bytes:
    """Wait for a frame's header; a time-out of this wait loses no data.

    :raises EgressError: when the connection ends.
    """
    return await connection.transport.read(FRAME_HEADER_SIZE)


async def read_frame(connection: AmqpConnection, head: bytes) -> Any:
    """Return the content of the frame whose header was read.

    :raises EgressError: when the connection ends, or the frame is too large or malformed.
    """
    kind, _, size = struct.unpack(">BHI", head)
    if kind not in (FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT):
        raise EgressError(PROTOCOL_ERROR)
    if kind != FRAME_BODY and size > TABLE_BYTES_MAX:
        raise EgressError(f"the message has headers of more than {TABLE_BYTES_MAX} bytes")
    if size > connection.frame_bytes_max - FRAME_OVERHEAD:
        raise EgressError(PROTOCOL_ERROR)
    rest = await connection.transport.read(size + 1)
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
        raise EgressError(PROTOCOL_ERROR) from None
