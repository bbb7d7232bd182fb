"""Publish and subscribe by MQTT 3.1.1 (OASIS), on a connection that the guard made.

The clients there are connect by name, and read packets of whatever size a broker announces.
"""

from __future__ import annotations

import asyncio
from typing import Any

from engine.calls.asyncapi.redis import RefusedError
from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.egress.targets import Wire

KEEP_ALIVE_SECONDS = 120  # a subscription is renewed before that, or pings
_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK, _PINGREQ = 0x10, 2, 3, 4, 0x82, 9, 0xC0
_DISCONNECT = 0xE0
_CLEAN, _PASSWORD, _USERNAME = 0x02, 0x40, 0x80
_ID = b"\x00\x01"  # one packet is in flight at a time
_FAILURE = 0x80
TEXT_BYTES_MAX = 65_535
_ENDED = "the server ended the connection"
# Section 3.2.2.3: 4 and 5 are about who asks.
_WHO = {4: "bad user name or password", 5: "not authorized"}


class UnknownError(RefusedError):
    """A broker that does not know who asks."""


async def log_in(wire: Wire, client: str, who: tuple[str, str] | None) -> None:
    """Begin a session that nothing is left of afterwards (section 3.1).

    :raises RefusedError: when the broker refuses.
    """
    flags = _CLEAN | (_USERNAME | _PASSWORD if who is not None else 0)
    said = [_text(word) for word in (client, *(who or ()))]
    await _send(
        wire, _CONNECT, _text("MQTT") + bytes([4, flags, 0, KEEP_ALIVE_SECONDS]) + b"".join(said)
    )
    code = (await _expect(wire, _CONNACK))[1]
    if code in _WHO:
        raise UnknownError(_WHO[code])
    if code:
        raise RefusedError(f"the connection was refused ({code})")


async def publish(wire: Wire, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
    """Publish one message; with QoS 1, wait until the broker has it (section 3.3).

    :raises RefusedError: when the broker ends the connection for it.
    """
    head = 0x30 | qos << 1 | retain
    await _send(wire, head, _text(topic) + (_ID if qos else b"") + payload)
    if qos:
        await _expect(wire, _PUBACK)


async def subscribe(wire: Wire, topic: str, *, qos: int) -> list[bytes]:
    """Subscribe to one topic (section 3.8); return the messages that came before the broker said so.

    :raises RefusedError: when the broker refuses.
    """
    await _send(wire, _SUBSCRIBE, _ID + _text(topic) + bytes([qos]))
    early = list[bytes]()
    if (await _expect(wire, _SUBACK, early))[2] == _FAILURE:
        raise RefusedError("the subscription was refused")
    return early


async def receive(wire: Wire) -> bytes:
    """Wait for the next message, and say that it is here.

    :raises EgressError: when the connection ends, or what comes is no message that a step may hold.
    """
    while True:
        try:  # it is the first byte alone that is given up: what has begun is read to its end
            async with asyncio.timeout(KEEP_ALIVE_SECONDS / 2):
                first = await wire[0].readexactly(1)
        except TimeoutError:
            await _send(wire, _PINGREQ, b"")
            continue
        except (asyncio.IncompleteReadError, OSError):
            raise EgressError(_ENDED, code="unreachable") from None
        head, body = await _packet(wire[0], first)
        if head >> 4 == _PUBLISH:
            return await _taken(wire, head, body)


async def _taken(wire: Wire, head: int, body: bytes) -> bytes:
    """Return the payload of a packet that is a message, and acknowledge it if that is wanted."""
    begins, qos = 2 + int.from_bytes(body[:2], "big"), head >> 1 & 3
    if qos:
        await _send(wire, _PUBACK << 4, body[begins : begins + 2])
    return body[begins + (2 if qos else 0) :]


async def log_out(wire: Wire) -> None:
    """End the session (section 3.14)."""
    await _send(wire, _DISCONNECT, b"")


async def _send(wire: Wire, head: int, body: bytes) -> None:
    try:
        wire[1].write(bytes([head]) + _length(len(body)) + body)
        await wire[1].drain()
    except OSError:
        raise EgressError(_ENDED, code="unreachable") from None


async def _expect(wire: Wire, kind: int, early: list[bytes] | None = None) -> bytes:
    """Wait for an answer; messages may come before it, of this subscription or of none of ours."""
    while True:
        head, body = await _packet(wire[0])
        if head >> 4 == kind and len(body) >= 2:  # noqa: PLR2004 - each of these answers has two bytes and more
            return body + b"\x00"
        if head >> 4 != _PUBLISH:
            raise EgressError("the server does not speak MQTT")
        message = await _taken(wire, head, body)
        if early is not None:
            early.append(message)


async def _packet(reader: asyncio.StreamReader, first: bytes = b"") -> tuple[int, bytes]:
    try:
        head, size = (first or await reader.readexactly(1))[0], 0
        for place in range(4):
            digit = (await reader.readexactly(1))[0]
            size |= (digit & 0x7F) << 7 * place
            if digit < _FAILURE:
                break
        if size > BODY_BYTES_MAX:
            raise EgressError(f"the message is larger than {BODY_BYTES_MAX} bytes")
        return head, await reader.readexactly(size)
    except (asyncio.IncompleteReadError, OSError):
        raise EgressError(_ENDED, code="unreachable") from None


def _length(size: int) -> bytes:
    found = bytearray()
    while True:
        size, digit = size >> 7, size & 0x7F
        found.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(found)


def _text(value: Any) -> bytes:
    encoded = str(value).encode()
    if len(encoded) > TEXT_BYTES_MAX:
        raise ValueError(f"mqtt has texts of {TEXT_BYTES_MAX} bytes at most")
    return len(encoded).to_bytes(2, "big") + encoded
