"""Publish and subscribe by Redis's protocol (RESP2), on a connection that the guard made.

Redis clients connect by name and read replies of any size; what is needed here is three commands.
`hiredis.Reader` reserves 16 GB for a reply of 13 bytes that announces an array of 2,147,483,647
elements, and has no limit to set; so replies are read here, within limits (ADR 0030).
"""

from __future__ import annotations

import asyncio
from typing import Any

from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.egress.targets import Wire

ITEMS_MAX = 4  # of a message that was published: its kind, its channel, its payload
LINE_BYTES_MAX = 65_536


class RefusedError(Exception):
    """A broker that answers, and not with what was asked for."""


async def log_in(wire: Wire, username: str, password: str) -> None:
    """Say who is there.

    :raises RefusedError: when the server does not believe it.
    """
    await _asked(wire, "AUTH", *([username] if username else []), password)


async def publish(wire: Wire, channel: str, payload: bytes) -> None:
    """Publish one message; nobody need be there to hear it.

    :raises RefusedError: when the server refuses.
    """
    await _asked(wire, "PUBLISH", channel, payload)


async def subscribe(wire: Wire, channel: str) -> None:
    """Subscribe to one channel.

    :raises RefusedError: when the server refuses.
    """
    await _asked(wire, "SUBSCRIBE", channel)


async def receive(wire: Wire) -> bytes:
    """Wait for the next message.

    :raises EgressError: when the connection ends, or what comes is no message that a step may hold.
    """
    while True:
        match await _reply(wire[0]):
            case [b"message", bytes(), bytes() as payload]:
                return payload


async def _asked(wire: Wire, *words: str | bytes) -> Any:
    reader, writer = wire
    encoded = [word.encode() if isinstance(word, str) else word for word in words]
    writer.write(
        b"*%d\r\n" % len(encoded)
        + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
    )
    try:
        await writer.drain()
    except OSError:
        raise EgressError("the server ended the connection", code="unreachable") from None
    return await _reply(reader)


async def _reply(reader: asyncio.StreamReader, *, nested: bool = False) -> Any:
    try:
        line = (await reader.readuntil(b"\r\n"))[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"$" and rest != b"-1":
            size = int(rest)
            if not 0 <= size <= BODY_BYTES_MAX:
                raise EgressError(f"the message is larger than {BODY_BYTES_MAX} bytes")
            return (await reader.readexactly(size + 2))[:-2]
        if kind == b"*" and not nested and 0 <= int(rest) <= ITEMS_MAX:
            return [await _reply(reader, nested=True) for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        raise EgressError("the server ended the connection", code="unreachable") from None
    except ValueError:
        kind = b""
    if kind == b"-":
        raise RefusedError(rest.decode(errors="replace")[:200])
    if kind in (b"+", b"$"):
        return rest
    raise EgressError("the server does not speak Redis")
