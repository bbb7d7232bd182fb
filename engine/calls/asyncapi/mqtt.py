"""Publish and subscribe by MQTT 3.1.1 (OASIS), on a connection through the egress guard.

MQTT clients connect by name and read packets of any size that a broker announces.
"""

from __future__ import annotations

import asyncio
from typing import Any

from engine.calls.asyncapi.errors import BrokerAuthenticationError, BrokerError
from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.egress.targets import Connection

KEEP_ALIVE_SECONDS = 120  # a subscription sends pings before that
_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK, _PINGREQ = 0x10, 2, 3, 4, 0x82, 9, 0xC0
_DISCONNECT = 0xE0
_CLEAN, _PASSWORD, _USERNAME = 0x02, 0x40, 0x80
_ID = b"\x00\x01"  # one packet at a time is in flight
_FAILURE = 0x80
TEXT_BYTES_MAX = 65_535
# Section 3.2.2.3: the return codes 4 and 5 concern the credentials.
_AUTHENTICATION_ERRORS = {4: "bad user name or password", 5: "not authorized"}


async def log_in(connection: Connection, client: str, credentials: tuple[str, str] | None) -> None:
    """Open a clean session, which ends with the connection (section 3.1).

    :raises BrokerError: when the broker refuses.
    """
    flags = _CLEAN | (_USERNAME | _PASSWORD if credentials is not None else 0)
    texts = [_text(word) for word in (client, *(credentials or ()))]
    await _send(
        connection,
        _CONNECT,
        _text("MQTT") + bytes([4, flags, 0, KEEP_ALIVE_SECONDS]) + b"".join(texts),
    )
    code = (await _expect(connection, _CONNACK))[1]
    if code in _AUTHENTICATION_ERRORS:
        raise BrokerAuthenticationError(_AUTHENTICATION_ERRORS[code])
    if code:
        raise BrokerError(f"the connection was refused ({code})")


async def publish(
    connection: Connection, topic: str, payload: bytes, *, qos: int, retain: bool
) -> None:
    """Publish one message; with QoS 1, wait until the broker confirms it (section 3.3).

    :raises BrokerError: when the broker ends the connection for it.
    """
    head = 0x30 | qos << 1 | retain
    await _send(connection, head, _text(topic) + (_ID if qos else b"") + payload)
    if qos:
        await _expect(connection, _PUBACK)


async def subscribe(connection: Connection, topic: str, *, qos: int) -> list[bytes]:
    """Subscribe to one topic (section 3.8); return the messages before the broker's answer.

    :raises BrokerError: when the broker refuses.
    """
    await _send(connection, _SUBSCRIBE, _ID + _text(topic) + bytes([qos]))
    early = list[bytes]()
    if (await _expect(connection, _SUBACK, early))[2] == _FAILURE:
        raise BrokerError("the subscription was refused")
    return early


async def receive(connection: Connection) -> bytes:
    """Wait for the next message and acknowledge it.

    :raises EgressError: when the connection ends, or the message is too large.
    """
    connection.expect_message()
    while True:
        try:  # only the wait for the first byte may time out: a packet is always read whole
            async with asyncio.timeout(KEEP_ALIVE_SECONDS / 2):
                first = await connection.read(1)
        except TimeoutError:
            await _send(connection, _PINGREQ, b"")
            connection.expect_message()
            continue
        head, body = await _packet(connection, first)
        if head >> 4 == _PUBLISH:
            return await _accept(connection, head, body)


async def _accept(connection: Connection, head: int, body: bytes) -> bytes:
    """Return the payload of a message, and acknowledge it if its QoS requires that."""
    start, qos = 2 + int.from_bytes(body[:2], "big"), head >> 1 & 3
    if qos:
        await _send(connection, _PUBACK << 4, body[start : start + 2])
    return body[start + (2 if qos else 0) :]


async def log_out(connection: Connection) -> None:
    """End the session (section 3.14)."""
    await _send(connection, _DISCONNECT, b"")


async def _send(connection: Connection, head: int, body: bytes) -> None:
    await connection.write(bytes([head]) + _length(len(body)) + body)


async def _expect(connection: Connection, kind: int, early: list[bytes] | None = None) -> bytes:
    """Wait for an answer; messages of any subscription may arrive before it."""
    connection.expect_message()
    while True:
        head, body = await _packet(connection)
        if head >> 4 == kind and len(body) >= 2:  # noqa: PLR2004 - each of these answers has at least two bytes
            return body + b"\x00"
        if head >> 4 != _PUBLISH:
            raise EgressError("the server does not speak MQTT")
        message = await _accept(connection, head, body)
        if early is not None:
            early.append(message)


async def _packet(connection: Connection, first: bytes = b"") -> tuple[int, bytes]:
    head, size = (first or await connection.read(1))[0], 0
    for place in range(4):
        digit = (await connection.read(1))[0]
        size |= (digit & 0x7F) << 7 * place
        if digit < _FAILURE:
            break
    if size > BODY_BYTES_MAX:
        raise EgressError(f"the message is larger than {BODY_BYTES_MAX} bytes")
    return head, await connection.read(size)


def _length(size: int) -> bytes:
    octets = bytearray()
    while True:
        size, digit = size >> 7, size & 0x7F
        octets.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(octets)


def _text(value: Any) -> bytes:
    octets = str(value).encode()
    if len(octets) > TEXT_BYTES_MAX:
        raise ValueError(f"texts of mqtt may have {TEXT_BYTES_MAX} bytes at most")
    return len(octets).to_bytes(2, "big") + octets
