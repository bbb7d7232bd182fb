"""Strangers and accounts that send or read slowly: a neighbour is answered meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest

from bin.devtools.stack.client import Client
from tests.support.attack import Account, register
from tests.support.platform import Platform, new_agent
from tests.support.waiting import until
from tests.support.web.asgi_server import dial, read_answer

pytestmark = pytest.mark.platform


ATTACKERS = 24  # three times as many as web has threads
OPEN_TRANSACTIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND state LIKE 'idle in transaction%'"
)


@pytest.fixture
def port(platform: Platform) -> int:
    return urlsplit(platform.api_url).port or 0


@pytest.fixture
def neighbour(http: httpx2.Client) -> Iterator[Account]:
    """An account that goes on asking, before an attack and after it."""
    account = register(http)
    assert http.get("/api/auth/me", headers=account.headers).status_code == 200
    yield account
    assert http.get("/api/auth/me", headers=account.headers).status_code == 200


SLOW = {
    "half a head": b"GET /api/auth/me HTTP/1.1\r\nHost: x\r\nX: ",
    "half a body": b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/json\r\nContent-Length: 70000\r\n\r\n{",
    "half a stream's request": b"GET /api/sync/events HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 70000\r\n\r\n{",
}


@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_hold_nobody_up(
    http: httpx2.Client, port: int, neighbour: Account, kind: str
) -> None:
    with ExitStack() as connections:
        for _ in range(ATTACKERS):
            connections.enter_context(dial(port, SLOW[kind]))
        for _ in range(5):
            assert http.get("/api/auth/me", headers=neighbour.headers).status_code == 200


def test_a_head_of_megabytes_is_refused_at_once(
    http: httpx2.Client, port: int, neighbour: Account
) -> None:
    head = b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"a: bbbbbbbb\r\n" * 120_000
    with dial(port, head) as connection:
        assert http.get("/api/auth/me", headers=neighbour.headers).status_code == 200
        assert read_answer(connection).status == 431


def test_an_upgrade_of_a_stream_is_an_ordinary_request(port: int) -> None:
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    for path, status in (("/health/live", 200), ("/api/sync/events", 401), ("/nowhere", 404)):
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n"
        with dial(port, request.encode()) as connection:
            assert read_answer(connection).status == status


def test_exports_that_nobody_reads_hold_no_transaction(
    http: httpx2.Client, platform: Platform, port: int, neighbour: Account
) -> None:
    with ExitStack() as exits:
        for _ in range(ATTACKERS // 3):
            account = exits.enter_context(new_agent(platform))
            for number in range(4):
                account.push(f"e{number}", "x" * 700_000, version="1", clock={"laptop": number + 1})
            exits.enter_context(unread_export(port, account))
        for _ in range(5):
            assert http.get("/api/auth/me", headers=neighbour.headers).status_code == 200
        url = platform.environ["DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as database:

            def count_transactions() -> int:
                row = database.execute(OPEN_TRANSACTIONS).fetchone()
                assert row is not None
                return int(row[0])

            until(lambda: count_transactions() == 0)
        another = exits.enter_context(new_agent(platform))
        assert another.http.post("/api/auth/export").text.startswith('{"kind":"account"')


def unread_export(port: int, client: Client) -> socket.socket:
    """Request an export over a connection with a small buffer; read its first bytes alone."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    token = client.http.headers["Authorization"]
    connection.sendall(
        "POST /api/auth/export HTTP/1.1\r\nHost: x\r\nX-Agent-ID: laptop\r\n"
        f"Authorization: {token}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert connection.recv(15) == b"HTTP/1.1 200 OK"
    return connection
