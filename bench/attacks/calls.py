"""Attacks by servers that an account's own definitions call: what they answer, and how slowly."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from bench.attacks import documents, peers
from bench.attacks.attacker import Attacker
from bench.quick_mode import full_or_quick

HANGING_EXECUTIONS = 4
BRANCHES = 64
PATHS = full_or_quick(15_000, 100)  # of an OpenAPI document: 0.4 MB
CHAIN, DEPTH = 8, 900  # references, each through so many members
HEADERS = full_or_quick(9_500, 100)  # distinct ones: less than the 100 KB that a client reads
HEADERS_EXECUTIONS, HEADERS_CALLS = 4, 100
COMMENT_BYTES = 600_000
CHUNKS = full_or_quick(60_000, 100)  # of one byte each
FLOOD_BYTES_MAX = full_or_quick(400 * 1_048_576, 1_048_576)  # in all, for this machine's sake
MESSAGE = b"0" * 65_000
CONNACK = b"\x20\x02\x00\x00"
PUBLISH = 0x30
REPLIES = b":1\r\n" * 16_384


@contextmanager
def hanging_calls(attacker: Attacker) -> Iterator[None]:
    """Four executions, each with 64 calls at once to a server that never answers.

    They take all of the worker's places for activities until they time out.
    """

    def hang(connection: socket.socket) -> None:
        peers.read_head(connection)
        attacker.stopping.wait()

    with peers.peer(hang) as port:
        document = documents.fork_get(port, BRANCHES)
        attacker.execute(attacker.account(), document, HANGING_EXECUTIONS)
        yield


@contextmanager
def openapi_references(attacker: Attacker) -> Iterator[None]:
    """An OpenAPI document whose thousands of paths all refer to one long chain of references.

    Whoever follows the chain anew for each path works for half a minute on 0.4 MB.
    """
    with peers.peer(peers.answer(_chain_document())) as port:
        attacker.execute(attacker.account(), documents.openapi(port), 1)
        yield


def _chain_document() -> bytes:
    """Return an OpenAPI document of many paths; text, since json nests to a smaller depth."""
    tail = "/k" * DEPTH

    def nest(inner: str) -> str:
        return '{"k":' * DEPTH + inner + "}" * DEPTH

    links = [nest(f'{{"$ref":"#/n{n + 1}{tail}"}}') for n in range(CHAIN)] + [nest("{}")]
    members = ",".join(f'"n{n}":{link}' for n, link in enumerate(links))
    paths = ",".join(f'"/{n}":{{"$ref":"#/c"}}' for n in range(PATHS))
    first = f'"c":{{"$ref":"#/n0{tail}"}}'
    return f'{{"openapi":"3.1.0",{first},{members},"paths":{{{paths}}}}}'.encode()


@contextmanager
def answer_headers(attacker: Attacker) -> Iterator[None]:
    """Answers with thousands of distinct headers, one after the other, to four executions.

    Whoever joins or searches them one by one takes quadratic time on the worker's event loop.
    """
    headers = b"".join(b"h%d: 1\r\n" % n for n in range(HEADERS))
    with peers.peer(peers.answer(b"{}", headers=headers)) as port:
        document = documents.repeat_get(port, HEADERS_CALLS)
        attacker.execute(attacker.account(), document, HEADERS_EXECUTIONS)
        yield


@contextmanager
def tiny_chunks(attacker: Attacker) -> Iterator[None]:
    """A stream of server-sent events in chunks of one byte, after a long comment.

    Whoever parses all that has arrived at each chunk takes quadratic time.
    """
    comment = b"%x\r\n" % COMMENT_BYTES + b":" * COMMENT_BYTES + b"\r\n"
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    def stream(connection: socket.socket) -> None:
        peers.read_head(connection)
        connection.sendall(head + comment + b"1\r\nx\r\n" * CHUNKS)
        peers.wait_for_end(connection)

    with (
        peers.peer(stream) as stream_port,
        peers.asyncapi_document("http", stream_port) as port,
    ):
        attacker.execute(attacker.account(), documents.subscription(port), 1)
        yield


@contextmanager
def mqtt_flood(attacker: Attacker) -> Iterator[None]:
    """An MQTT broker that sends messages without end instead of the answer to SUBSCRIBE.

    A client that stores them until the answer comes grows by what the broker sends.
    """
    payload = b"\x00\x01t" + MESSAGE
    size = len(payload)
    length = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14])
    packet = bytes([PUBLISH]) + length + payload

    def flood(connection: socket.socket) -> None:
        connection.recv(peers.RECEIVED_BYTES)
        connection.sendall(CONNACK)
        connection.recv(peers.RECEIVED_BYTES)
        for _ in range(FLOOD_BYTES_MAX // len(packet)):
            if attacker.stopping.is_set():
                break
            connection.sendall(packet)
        peers.wait_for_end(connection)

    with peers.peer(flood) as broker_port, peers.asyncapi_document("mqtt", broker_port) as port:
        attacker.execute(attacker.account(), documents.subscription(port), 1)
        yield


@contextmanager
def redis_replies(attacker: Attacker) -> Iterator[None]:
    """A Redis server that answers SUBSCRIBE with small replies without end, and with no message.

    A client that reads on until a message comes never leaves the event loop.
    """

    def reply(connection: socket.socket) -> None:
        connection.recv(peers.RECEIVED_BYTES)
        while not attacker.stopping.is_set():
            connection.sendall(REPLIES)

    with peers.peer(reply) as broker_port, peers.asyncapi_document("redis", broker_port) as port:
        attacker.execute(attacker.account(), documents.subscription(port), 1)
        yield
