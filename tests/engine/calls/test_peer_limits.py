"""What strangers' servers send, however much and however cut, holds no event loop and no memory.

Each case is a generator of one protocol's answers, on a socket of the loopback. A process of its
own calls it, as the worker does, and measures the longest callback of its event loop and the growth
of its memory.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

import pytest
from pamqp import commands, frame
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from tests.support.peers.client import Measurement, PeerCall
from tests.support.peers.servers import Speech, serving, serving_grpc

pytestmark = pytest.mark.unit

CALLBACK_SECONDS_MAX = 0.1
GROWTH_BYTES_MAX = 64 * 1_048_576
SECONDS = 5.0  # of a call to a peer that meets no other limit
SECONDS_MAX = 60.0  # of a call to any other peer
SLOW_SECONDS = 0.5

MIB = 1_048_576
HEAD = b"HTTP/1.1 200 OK\r\n"
JSON, SSE = b"content-type: application/json\r\n", b"content-type: text/event-stream\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
TINY_CHUNKS = b"1\r\nx\r\n" * 10_000


def body(content: bytes, media: bytes = JSON) -> Speech:
    return Speech(HEAD + media + b"content-length: %d\r\n\r\n" % len(content) + content)


def fill(part: bytes, size: int = MIB - 100) -> bytes:
    """Return an array of as many equal items as fit into a size."""
    return b"[" + b",".join([part] * (size // (len(part) + 1))) + b"]"


def nest(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


HEADS = {
    "many names": Speech(HEAD + b"".join(b"n%d: v\r\n" % n for n in range(10_000)) + b"\r\n"),
    "one name many times": Speech(HEAD + b"a:b\r\n" * 20_000 + b"\r\n"),
    "empty lines of one letter": Speech(HEAD + b"a:\n" * 20_000 + b"\n"),
    "folded lines": Speech(HEAD + b"a: b\r\n" + b" c\r\n" * 15_000 + b"\r\n"),
    "a line without end": Speech(HEAD + b"a: ", b"b" * 65_536),
    "interim answers": Speech(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000),
}
BODIES = {
    "without end": Speech(HEAD + b"content-length: 99999999999\r\n\r\n", b"x" * 65_536),
    "tiny chunks": Speech(HEAD + CHUNKED, TINY_CHUNKS),
    "chunks with notes": Speech(HEAD + CHUNKED, b"1;" + b"e" * 60_000 + b"\r\nx\r\n"),
    "a chunk's note without end": Speech(HEAD + CHUNKED + b"1;", b"e" * 65_536),
    "trailers": Speech(HEAD + CHUNKED + b"1\r\nx\r\n0\r\n", b"a:b\r\n" * 10_000),
}
LARGE = {  # these are accepted, or are no JSON
    "lists": fill(b"[]"),
    "objects": fill(b"{}"),
    "texts": fill(b'""'),
    "floats": fill(b"0.1"),
    "names": b"{" + b",".join(b'"%d":0' % n for n in range(95_000)) + b"}",
    "deep": fill(nest(150)),
    "too deep": fill(nest(500)),
    "far too deep": nest(500_000),
}
CASES: dict[str, tuple[str, Speech, str]] = {  # protocol, what the server says, the error
    **{f"http: {name}": ("http", said, "is too large|headers") for name, said in HEADS.items()},
    **{
        f"http: {name}": ("http", said, "larger than|too large|too many parts|ProtocolError")
        for name, said in BODIES.items()
    },
    **{f"http: {name}": ("http", body(text), "^$|JSON") for name, text in LARGE.items()},
    "http: five hundred cookies": (
        "http",
        Speech(
            HEAD
            + b"".join(b"set-cookie: c%d=v; path=/\r\n" % n for n in range(500))
            + b"content-length: 0\r\n\r\n"
        ),
        "^$",
    ),
    "http: far from utf-8": ("http", body(b"\xff" * MIB, b""), "^$"),
    "http: control characters": ("http", body(b"\x01" * MIB, b""), "^$"),
    "http: a long location": (
        "http",
        Speech(b"HTTP/1.1 302 Found\r\nlocation: http://" + "é.".encode() * 20_000 + b"\r\n\r\n"),
        "",
    ),
    **{f"oauth: {name}": ("oauth", body(text), "larger than") for name, text in LARGE.items()},
    "oauth: a long token": ("oauth", body(b'{"access_token": "%s"}' % (b"x" * 60_000)), "at most"),
    "oauth: tiny chunks": ("oauth", BODIES["tiny chunks"], "too many parts"),
    **{f"webhook: {name}": ("webhook", said, "not_allowed") for name, said in HEADS.items()},
    "webhook: a long delay": (
        "webhook",
        Speech(b"HTTP/1.1 429 Slow\r\nretry-after: " + b"9" * 60_000 + b"\r\n\r\n", b"x" * 65_536),
        "http_429",
    ),
}


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


NOTICE = b'{"jsonrpc": "2.0", "method": "m"}'
STREAMS = {
    "tiny chunks": Speech(HEAD + SSE + CHUNKED, TINY_CHUNKS),
    # One part that is large already, and then tiny ones: nothing is read from its start again.
    "a comment and tiny chunks": Speech(
        HEAD + SSE + CHUNKED + b"%x\r\n" % 600_000 + b":" * 600_000 + b"\r\n", TINY_CHUNKS
    ),
    "notices": Speech(HEAD + SSE + b"\r\n", event(NOTICE) * 1_000),
    "empty events": Speech(HEAD + SSE + b"\r\n", b"data:\n\n" * 10_000),
    "empty lines": Speech(HEAD + SSE + b"\r\n", b"\n" * 65_536),
    "an event without end": Speech(HEAD + SSE + b"\r\n", b"data:\n" * 10_000),
    "a line without end": Speech(HEAD + SSE + b"\r\ndata: ", b"x" * 65_536),
    "returns": Speech(HEAD + SSE + b"\r\n", b"\r" * 65_536),
}
ANSWERED = b'{"jsonrpc": "2.0", "id": 1, "result": %s}'
for _protocol in ("mcp", "a2a"):
    CASES |= {
        f"{_protocol}: {name}": (_protocol, said, "larger than|parts|JSON-RPC|no result")
        for name, said in STREAMS.items()
    }
    CASES |= {
        f"{_protocol}: {name}": (_protocol, body(ANSWERED % text[: MIB - 200]), "^$|JSON-RPC")
        for name, text in LARGE.items()
    }
CASES |= {
    f"asyncapi: {name}": ("asyncapi http", said, "^$|larger than|parts|10000")
    for name, said in STREAMS.items()
}
CASES |= {
    f"asyncapi: {name}": ("asyncapi http", body(text), "^$|10000 messages")
    for name, text in LARGE.items()
}
YAML = b"content-type: application/yaml\r\n"
CASES |= {
    "catalog: a function of lists": ("document", body(fill(b"[]")), "^$"),
    "catalog: YAML of lists": ("document", body(b"- []\n" * 3_000, YAML), "unreadable"),
    "catalog: YAML of aliases": (
        "document",
        body(b"a: &a [x]\n" + b"b: [%s]\n" % b",".join([b"*a"] * 5_000), YAML),
        "unreadable|^$",
    ),
    "catalog: deep YAML": ("document", body(b"[" * 15_000, YAML), "unreadable"),
    "schema: names": ("document", body(LARGE["names"]), "^$"),
    "schema: deep": ("document", body(LARGE["too deep"]), "cannot be read"),
    "schema: tiny chunks": ("document", BODIES["tiny chunks"], "too many parts"),
}
CASES["a2a: a card of many addresses"] = (
    "a2a card",
    body(b'{"additionalInterfaces": %s}' % fill(b'{"url":1}', MIB - 200)),
    "no JSON-RPC address",
)


def chain(paths: int, levels: int = 900) -> bytes:
    """Return a description whose paths all refer to the first of a chain of long references."""
    members = []
    for n in range(9):
        target = b'{"$ref":"#/n%d%s"}' % (n + 1, b"/k" * levels) if n < 8 else b"{}"
        members.append(b'"n%d":' % n + b'{"k":' * levels + target + b"}" * levels)
    items = b",".join(b'"/%d":{"$ref":"#/c"}' % n for n in range(paths))
    first = b'"c":{"$ref":"#/n0%s"}' % (b"/k" * levels)
    return b'{"openapi":"3.1.0",%s,%s,"paths":{%s}}' % (first, b",".join(members), items)


def described(members: bytes) -> bytes:
    return b'{"openapi":"3.1.0",%s}' % members


PATHS = b",".join(b'"/%d":{}' % n for n in range(600_000))
DESCRIPTIONS = {
    "a chain of references": chain(15_000),
    "a small chain of references": chain(1_000, 300),
    "many paths": described(b'"paths":{%s}' % PATHS)[: 8 * MIB],
    "objects": described(b'"x":%s' % fill(b"{}", 8 * MIB - 100)),
    "names": described(b'"x":{%s}' % PATHS[: 8 * MIB - 100].rpartition(b",")[0]),
    "deep": described(b'"x":%s' % fill(nest(150), 8 * MIB - 100)),
    "far too deep": described(b'"x":%s' % nest(4_000_000)),
}
CASES |= {
    f"openapi: {name}": ("openapi", body(text), "no operation none|cannot be read|more time|larger")
    for name, text in DESCRIPTIONS.items()
}
CASES |= {
    "redis: replies": ("asyncapi redis", Speech(b"", b":1\r\n" * 10_000), "more than it was asked"),
    "redis: texts": ("asyncapi redis", Speech(b"", b"+\r\n" * 10_000), "more than it was asked"),
    "redis: empty arrays": ("asyncapi redis", Speech(b"", b"*0\r\n" * 10_000), "more than it"),
    "redis: a line without end": ("asyncapi redis", Speech(b"+", b"x" * 65_536), "ended"),
    "redis: empty messages": (
        "asyncapi redis",
        Speech(b"+\r\n", b"*3\r\n$7\r\nmessage\r\n$0\r\n\r\n$0\r\n\r\n" * 2_000),
        "^$|faster than",
    ),
    "redis: large messages": (
        "asyncapi redis",
        Speech(
            b"+\r\n",
            b"*3\r\n$7\r\nmessage\r\n$0\r\n\r\n$1000000\r\n" + b"x" * 1_000_000 + b"\r\n",
        ),
        "^$|faster than",
    ),
}
CONNACK, SUBACK = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x00"
CASES |= {
    "mqtt: messages before the answer": (
        "asyncapi mqtt",
        Speech(CONNACK, b"\x30\x03\x00\x00x" * 10_000),
        "more than it was asked",
    ),
    "mqtt: large messages before the answer": (
        "asyncapi mqtt",
        Speech(CONNACK, b"\x30\x80\x80\x20\x00\x00" + b"x" * (0x80000 - 2)),
        "more than it was asked",
    ),
    "mqtt: pings": (
        "asyncapi mqtt",
        Speech(CONNACK + SUBACK, b"\xd0\x00" * 20_000),
        "more than it was asked",
    ),
    "mqtt: messages to confirm": (
        "asyncapi mqtt",
        Speech(CONNACK + SUBACK, b"\x32\x04\x00\x00\x00\x01" * 10_000),
        "^$|faster than",
    ),
    "mqtt: empty messages": (
        "asyncapi mqtt",
        Speech(CONNACK + SUBACK, b"\x30\x02\x00\x00" * 10_000),
        "^$|faster than",
    ),
}


def amqp(*methods: Any) -> bytes:
    """Return what a broker says up to the start of a consumption, and then more."""
    welcome = commands.Connection.Start(server_properties={}, mechanisms="PLAIN", locales="en_US")
    tune = commands.Connection.Tune(channel_max=1, frame_max=0, heartbeat=60)
    first = [frame.marshal(one, 0) for one in (welcome, tune, commands.Connection.OpenOk())]
    then = [commands.Channel.OpenOk(), commands.Basic.QosOk(), commands.Basic.ConsumeOk("c")]
    return b"".join(first + [frame.marshal(one, 1) for one in (*then, *methods)])


def table(size: int) -> bytes:
    """Return the frame of a message's header, with headers of so many bytes."""
    fields = b"".join(b"\x04%04dt\x01" % n for n in range(size // 7))
    content = struct.pack(">HHQHI", 60, 0, 0, 0x2000, len(fields)) + fields
    return struct.pack(">BHI", 2, 1, len(content)) + content + b"\xce"


DELIVER = commands.Basic.Deliver(consumer_tag="c", delivery_tag=1, exchange="", routing_key="q")
EMPTY = frame.marshal(DELIVER, 1) + frame.marshal(ContentHeader(body_size=0), 1)
BEAT = frame.marshal(Heartbeat(), 0)
ONE_BYTE = b"\x03\x00\x01\x00\x00\x00\x01x\xce"
CASES |= {
    "amqp: beats at first": ("asyncapi amqp", Speech(b"", BEAT * 10_000), "more than it was asked"),
    "amqp: beats": ("asyncapi amqp", Speech(amqp(), BEAT * 10_000), "more than it was asked"),
    "amqp: a body of bytes": (
        "asyncapi amqp",
        Speech(amqp(DELIVER, ContentHeader(body_size=1_000_000)), ONE_BYTE * 10_000),
        "more than it was asked",
    ),
    "amqp: empty messages": ("asyncapi amqp", Speech(amqp(), EMPTY * 2_000), "more messages than"),
    "amqp: messages with headers": (
        "asyncapi amqp",
        Speech(amqp(), (frame.marshal(DELIVER, 1) + table(16_000)) * 4),
        "more messages than",
    ),
}
SLOW = {  # what a server drips; the call meets its own limit of time
    "http: a head": ("http", Speech(HEAD + b"a: ", b"b", pause=0.001)),
    "http: a body": ("http", Speech(HEAD + b"content-length: 99999\r\n\r\n", b"x", pause=0.001)),
    "http: nothing": ("http", Speech()),
    "oauth: chunks": ("oauth", Speech(HEAD + CHUNKED, b"1\r\nx\r\n", pause=0.01)),
    "mcp: notices": ("mcp", Speech(HEAD + SSE + b"\r\n", event(NOTICE), pause=0.01)),
    "asyncapi: events": ("asyncapi http", Speech(HEAD + SSE + b"\r\n", b"data", pause=0.01)),
    "redis: replies": ("asyncapi redis", Speech(b"+\r\n", b":1\r\n", pause=0.01)),
    "mqtt: bytes": ("asyncapi mqtt", Speech(CONNACK + SUBACK, b"\x30", pause=0.001)),
    "amqp: beats": ("asyncapi amqp", Speech(amqp(), BEAT, pause=0.01)),
}

PROTO = b"""
syntax = "proto3";
message Empty { string text = 1; }
service Peer { rpc Receive(Empty) returns (stream Empty); }
"""
GRPC = {
    "empty messages": (PROTO, b"", "larger than"),
    "messages": (PROTO, b"\x0a\x7f" + b"x" * 127, "larger than"),
    "a message that is too large": (PROTO, bytes(2 * MIB), "RESOURCE_EXHAUSTED"),
    "a proto of many fields": (
        b'syntax = "proto3";\nmessage M {'
        + b"".join(b"bool a%d = %d;" % (n, n + 20_000) for n in range(10_000))
        + b"}",
        b"",
        "no such service|more time",
    ),
}


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Process]:
    """Yield the process that calls."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.peers.client"), stdin=PIPE, stdout=PIPE, limit=MIB
    )
    assert process.stdin is not None
    yield process
    process.stdin.close()
    await process.wait()


async def measure(client: Process, call: PeerCall) -> Measurement:
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(json.dumps(asdict(call)).encode() + b"\n")
    return Measurement(**json.loads(await client.stdout.readline()))


def describe(port: int) -> Speech:
    """Return an AsyncAPI document with one server for each protocol, all at one port."""
    servers = {
        protocol: {"host": f"127.0.0.1:{port}", "protocol": protocol}
        for protocol in ("http", "redis", "mqtt", "amqp")
    }
    document = {
        "asyncapi": "3.0.0",
        "servers": servers,
        "channels": {
            "c": {"address": "c", "bindings": {"amqp": {"is": "queue", "queue": {"name": "q"}}}}
        },
        "operations": {"receive": {"action": "receive", "channel": {"$ref": "#/channels/c"}}},
    }
    return body(json.dumps(document).encode())


async def call_speaker(
    client: Process, protocol: str, speech: Speech, seconds: float
) -> Measurement:
    async with AsyncExitStack() as servers:
        port = await servers.enter_async_context(serving(speech))
        document = await servers.enter_async_context(serving(describe(port)))
        return await measure(client, PeerCall(protocol, port, document, seconds))


def check(measurement: Measurement) -> None:
    assert measurement.longest_callback <= CALLBACK_SECONDS_MAX, measurement
    assert measurement.growth_bytes <= GROWTH_BYTES_MAX, measurement


@pytest.mark.parametrize("case", CASES)
async def test_a_peer_that_sends_much_holds_neither_the_loop_nor_memory(
    client: Process, case: str
) -> None:
    protocol, speech, error = CASES[case]
    seconds = SECONDS if re.search(error, "") else SECONDS_MAX
    measurement = await call_speaker(client, protocol, speech, seconds)
    check(measurement)
    assert re.search(error, measurement.error), measurement


@pytest.mark.parametrize("case", SLOW)
async def test_a_peer_that_drips_meets_the_calls_own_time(client: Process, case: str) -> None:
    measurement = await call_speaker(client, *SLOW[case], SLOW_SECONDS)
    check(measurement)
    assert measurement.error != "never"


@pytest.mark.parametrize("case", GRPC)
async def test_a_grpc_service_holds_neither_the_loop_nor_memory(client: Process, case: str) -> None:
    proto, message, error = GRPC[case]
    async with AsyncExitStack() as servers:
        port = await servers.enter_async_context(serving_grpc(message))
        document = await servers.enter_async_context(serving(body(proto, b"")))
        measurement = await measure(client, PeerCall("grpc", port, document, 10.0))
    check(measurement)
    assert re.search(error, measurement.error), measurement
