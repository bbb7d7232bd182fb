"""Publish and subscribe by Redis's protocol (RESP2), on a connection through the egress guard.

Redis clients connect by name and read replies of any size; calls need only three commands.
`hiredis.Reader` reserves 16 GB for a reply of 13 bytes that announces an array of 2,147,483,647
elements, and has no limit to set. So this module reads replies within limits (ADR 0030).
"""

from __future__ import annotations

from typing import Any

from engine.calls.asyncapi.errors import BrokerError
from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.egress.targets import Connection

ITEMS_MAX = 4  # of a pushed message: its kind, its channel, its payload
LINE_BYTES_MAX = 65_536


async def log_in(connection: Connection, username: str, password: str) -> None:
    """Authenticate.

    :raises BrokerError: when the server refuses the credentials.
    """
    await _request(connection, "AUTH", *([username] if username else []), password)


async def publish(connection: Connection, channel: str, payload: bytes) -> None:
    """Publish one message, whether it has subscribers or not.

    :raises BrokerError: when the server refuses.
    """
    await _request(connection, "PUBLISH", channel, payload)


async def subscribe(connection: Connection, channel: str) -> None:
    """Subscribe to one channel.

    :raises BrokerError: when the server refuses.
    """
    await _request(connection, "SUBSCRIBE", channel)


async def receive(connection: Connection) -> bytes:
    """Wait for the next message.

    :raises EgressError: when the connection ends, or the message is too large.
    """
    connection.expect_message()
    while True:
        match await _reply(connection):
            case [b"message", bytes(), bytes() as payload]:
                return payload


async def _request(connection: Connection, *words: str | bytes) -> Any:
    items = [word.encode() if isinstance(word, str) else word for word in words]
    connection.expect_message()
    await connection.write(
        b"*%d\r\n" % len(items) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in items)
    )
    return await _reply(connection)


async def _reply(connection: Connection, *, is_nested: bool = False) -> Any:
    try:
        line = await connection.read_line()
        kind, rest = line[:1], line[1:]
        if kind == b"$" and rest != b"-1":
            size = int(rest)
            if not 0 <= size <= BODY_BYTES_MAX:
                raise EgressError(f"the message is larger than {BODY_BYTES_MAX} bytes")
            return (await connection.read(size + 2))[:-2]
        if kind == b"*" and not is_nested and 0 <= int(rest) <= ITEMS_MAX:
            return [await _reply(connection, is_nested=True) for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
    except ValueError:
        kind = b""
    if kind == b"-":
        raise BrokerError(rest.decode(errors="replace")[:200])
    if kind in (b"+", b"$"):
        return rest
    raise EgressError("the server does not speak Redis")
