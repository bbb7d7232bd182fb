"""AMQP: hostile brokers, allowed addresses, and values that the protocol cannot represent."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from pamqp import commands, frame
from pamqp.header import ContentHeader

from bin.devtools.fakes import rabbitmq
from bin.devtools.fakes.https_server import FakeServer, fake_server
from bin.devtools.fakes.rabbitmq import RabbitBroker
from engine.calls.asyncapi import brokers
from engine.calls.asyncapi.amqp_frames import TABLE_BYTES_MAX
from engine.calls.asyncapi.amqp_queues import MessageProperties, QueueConsumer
from engine.calls.asyncapi.errors import BrokerAuthenticationError, BrokerError
from engine.egress.guard import BODY_BYTES_MAX, EgressError
from tests.support.queues import guard, put, to

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def server(rabbit: RabbitBroker) -> Iterator[FakeServer]:
    with fake_server(rabbit) as standing:
        yield standing


async def resolve_to(addresses: Sequence[tuple[str, int]]) -> Sequence[tuple[str, int]]:
    return addresses


@pytest.mark.parametrize("operation", ["work", "safe"])
@pytest.mark.parametrize(
    ("address", "port", "session_of"),
    [
        ("127.0.0.1", None, "the host is not on the public internet"),
        ("192.168.0.1", None, "the host is not on the public internet"),
        ("8.8.8.8", 25, "port 25 is not allowed"),
    ],
)
async def test_a_broker_within_or_at_another_services_port_is_not_spoken_to(
    server: FakeServer, operation: str, address: str, port: int | None, session_of: str
) -> None:
    egress = guard(server, allow="", resolver=lambda _, at: resolve_to([(address, at)]))
    route = to(operation)
    with pytest.raises(EgressError, match=session_of):
        await brokers.publish(egress, replace(route, port=port or route.port), {}, b"{}")


async def test_without_tls_a_public_broker_is_spoken_to_at_its_own_port_alone(
    server: FakeServer,
) -> None:
    egress = guard(server, allow="", resolver=lambda _, at: resolve_to([("8.8.8.8", at)]))
    with pytest.raises(EgressError, match="port 6379 is not allowed"):
        await brokers.publish(egress, replace(to("work"), port=6379), {}, b"{}")


async def test_a_broker_with_a_certificate_that_is_not_good_for_it_is_not_spoken_to(
    server: FakeServer,
) -> None:
    await put(server, to("safe", name=f"fresh-{uuid4()}", durable=False), b"{}")
    untrusting = guard(server, ssl_context=ssl.create_default_context())
    at = await server.resolve(rabbitmq.HOST, 5671)
    elsewhere = guard(server, allow="other.example.org", resolver=lambda _, __: resolve_to(at))
    for egress, route in (
        (untrusting, to("safe")),
        (elsewhere, replace(to("safe"), host="other.example.org")),
    ):
        with pytest.raises(EgressError, match="the server cannot be reached"):
            await brokers.publish(egress, route, {}, b"{}")


def session_of(*methods: Any) -> bytes:
    """Return what a broker says up to where a message comes, and then these."""
    welcome = commands.Connection.Start(server_properties={}, mechanisms="PLAIN", locales="en_US")
    tune = commands.Connection.Tune(channel_max=1, frame_max=0, heartbeat=60)
    first = [frame.marshal(one, 0) for one in (welcome, tune, commands.Connection.OpenOk())]
    then = [
        commands.Channel.OpenOk(),
        commands.Queue.DeclareOk(queue="q", message_count=0, consumer_count=0),
    ]
    then += [commands.Basic.QosOk(), commands.Basic.ConsumeOk(consumer_tag="c")]
    return b"".join(first + [frame.marshal(one, 1) for one in (*then, *methods)])


DELIVER = commands.Basic.Deliver(consumer_tag="c", delivery_tag=1, exchange="", routing_key="q")


def _head(table: bytes, body_size: int = 0) -> bytes:
    """Return the frame of a content header with this table as its headers."""
    content = struct.pack(">HHQHI", 60, 0, body_size, 0x2000, len(table)) + table
    return struct.pack(">BHI", 2, 1, len(content)) + content + b"\xce"


def _nested(levels: int) -> bytes:
    table = b""
    for _ in range(levels):
        table = b"\x01aF" + struct.pack(">I", len(table)) + table
    return table


@asynccontextmanager
async def hostile(server: FakeServer, says: bytes) -> AsyncIterator[QueueConsumer]:
    """Give a consumer of a broker that says this at once, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(4096)
            writer.write(says)
            writer.write_eof()
            await reader.read()
        except OSError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        reader = QueueConsumer(
            guard(server, resolver=lambda _, __: resolve_to([("127.0.0.1", port)])), to("made"), {}
        )
        yield reader
        reader.abort()


@pytest.mark.parametrize(
    ("says", "kind", "detail"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", EgressError, "does not speak AMQP"),
        (b"AMQP\x00\x00\x08\x00", EgressError, "does not speak AMQP"),
        (b"\x01\x00\x00\xff\xff\xff\xff", EgressError, f"more than {TABLE_BYTES_MAX} bytes"),
        (b"\x03\x00\x01\xff\xff\xff\xff", EgressError, "does not speak AMQP"),
        (b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\xff\xff\xce", EgressError, "does not speak AMQP"),
        (b"\x01\x00", EgressError, "the server ended the connection"),
        (session_of()[:60], EgressError, "the server ended the connection"),
        (session_of(), EgressError, "the server ended the connection"),
        (session_of(commands.Basic.QosOk()), EgressError, "does not speak AMQP"),
        (
            session_of(DELIVER) + _head(b"", 2**60),
            EgressError,
            f"larger than {BODY_BYTES_MAX} bytes",
        ),
        (session_of(DELIVER) + _head(_nested(2000)), EgressError, "does not speak AMQP"),
        (session_of(DELIVER) + _head(b"\x01aT" + b"\xff" * 8), EgressError, "does not speak AMQP"),
        (session_of(DELIVER) + _head(b"\xffab"), EgressError, "does not speak AMQP"),
        (
            session_of(DELIVER, ContentHeader(body_size=1)) + b"\x03\x00\x01\x00\x00\x00\x02ab\xce",
            EgressError,
            "does not speak AMQP",
        ),
        (
            frame.marshal(
                commands.Connection.Start(server_properties={}, mechanisms="EXTERNAL"), 0
            ),
            BrokerError,
            "it does not support a name with a password",
        ),
        (
            session_of()[: session_of().index(b"\x00\x0a\x00\x1e") - 7]
            + frame.marshal(commands.Connection.Close(403, "ACCESS_REFUSED", 0, 0), 0),
            BrokerAuthenticationError,
            "403 ACCESS_REFUSED",
        ),
    ],
)
async def test_a_server_that_says_something_else_is_an_error(
    server: FakeServer, says: bytes, kind: type[Exception], detail: str
) -> None:
    async with hostile(server, says) as reader:
        with pytest.raises(kind, match=detail):
            await reader.receive(1, linger=False, seconds=5.0)


@pytest.mark.parametrize(
    ("bindings", "headers", "detail"),
    [
        ({"priority": "high"}, {}, "priority of the document's amqp binding is no number"),
        ({"priority": 300}, {}, "AMQP cannot represent this"),
        ({"expiration": -1}, {}, "expiration of the document's amqp binding is no number"),
        ({"deliveryMode": 3}, {}, "delivery_mode"),
        ({"userId": 7}, {}, "AMQP cannot represent this"),
        ({}, {"n" * 129: 1}, "names of amqp headers may have 128 bytes at most"),
        ({}, {"deep": [{"n" * 129: 1}]}, "names of amqp headers may have 128 bytes at most"),
        ({}, {"large": 2**63}, "AMQP cannot represent this"),
    ],
)
async def test_what_amqp_has_no_place_for_is_an_error(
    server: FakeServer, bindings: dict[str, Any], headers: dict[str, Any], detail: str
) -> None:
    route = replace(to("work"), bindings=bindings)
    with pytest.raises(ValueError, match=detail):
        await brokers.publish(guard(server), route, {}, b"{}", MessageProperties(headers))
