"""Bounds of connections: heads, bodies, slow clients, and many of them; a neighbour is served."""

import http.client
import json
import pickle
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask, Response, request

from tests.support.waiting import until
from tests.support.web.asgi_server import SECONDS_MAX, dial, read_answer, serving
from web.request_threads import RequestThreads
from web.server import connection_limits, http_connection
from web.server.connection_limits import (
    ADDRESS_SHARE,
    BODIES_MAX,
    ConnectionBounds,
    ConnectionLimits,
)
from web.server.wsgi_adapter import WsgiAdapter

pytestmark = pytest.mark.unit


BODY_MAX = 100_000
THREADS = 2
PATIENT = ConnectionBounds(
    per_address_max=1000,
    proxy_hops=0,
    body_bytes_max=BODY_MAX,
    head_seconds=SECONDS_MAX,
    body_seconds=SECONDS_MAX,
    write_seconds=SECONDS_MAX,
    linger_seconds=SECONDS_MAX,
)
GET = b"GET /seen HTTP/1.1\r\nHost: here\r\n"


class Origin:
    """A Flask app, and what its routes have seen."""

    def __init__(self) -> None:
        self.app = Flask(__name__)
        self.app.config["MAX_CONTENT_LENGTH"] = BODY_MAX
        self.calls = 0
        self.go_on, self.closed = threading.Event(), threading.Event()
        for rule in ("seen", "waits", "endless"):
            self.app.add_url_rule(f"/{rule}", rule, getattr(self, rule), methods=["GET", "POST"])
        self.threads = RequestThreads(THREADS)
        self.asgi = WsgiAdapter(self.app, self.threads, stream_threads=1)

    def seen(self) -> dict[str, Any]:
        self.calls += 1
        return dict(request.headers) | {"body": len(request.get_data())}

    def waits(self) -> str:
        self.calls += 1
        assert self.go_on.wait(SECONDS_MAX)
        return ""

    def endless(self) -> Response:
        def parts() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x" * 100_000
            finally:
                self.closed.set()

        return Response(parts())


@pytest.fixture
def origin() -> Origin:
    return Origin()


@pytest.fixture
def port(origin: Origin) -> Iterator[int]:
    with serving(origin.asgi, PATIENT) as port:
        yield port


def problem(connection: socket.socket) -> tuple[int, str]:
    """Return the status and code of the refusal that ends a connection."""
    answer = read_answer(connection)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Connection"] == "close"
    return answer.status, json.loads(answer.body)["code"]


def is_closed(connection: socket.socket) -> bool:
    """Wait for the end of a connection, and for no answer before it; tell whether it came."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def is_served(port: int, source: str = "127.0.0.9") -> bool:
    """Tell whether somebody else is answered."""
    with dial(port, GET + b"\r\n", source=source) as neighbour:
        return read_answer(neighbour).status == 200


LONG = b"x" * (http_connection.HEAD_BYTES_MAX + 1)
HEADS = {
    "many lines": (GET + b"a: b\r\n" * 300_000 + b"\r\n", 431, "head_too_large"),
    "a header too many": (
        GET + b"a: b\r\n" * http_connection.HEADERS_MAX + b"\r\n",
        431,
        "head_too_large",
    ),
    "a long value": (GET + b"a: " + LONG + b"\r\n\r\n", 431, "head_too_large"),
    "a long name": (GET + LONG + b": a\r\n\r\n", 431, "head_too_large"),
    "a name without an end": (GET + b"x" * 2_000_000, 431, "head_too_large"),
    "empty lines without an end": (b"\r\n" * 500_000, 431, "head_too_large"),
    "a long URL": (b"GET /" + LONG + b" HTTP/1.1\r\n", 414, "url_too_long"),
    "no host": (b"GET /seen HTTP/1.1\r\n\r\n", 400, "host_ambiguous"),
    "two hosts": (GET + b"Host: there\r\n\r\n", 400, "host_ambiguous"),
    "a host that is none": (b"GET /seen HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "host_ambiguous"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed_request"),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_beyond_the_bounds_is_refused(origin: Origin, port: int, kind: str) -> None:
    text, status, code = HEADS[kind]
    with dial(port, text) as connection:
        assert problem(connection) == (status, code)
        assert is_served(port)
        assert origin.calls == 1, "the refused one reached no route"
        connection.shutdown(socket.SHUT_WR)
        assert is_closed(connection)


def test_a_head_within_the_bounds_is_read_however_it_is_cut(port: int) -> None:
    text = GET + b"".join(b"X-%d: y\r\n" % n for n in range(http_connection.HEADERS_MAX - 2))
    with dial(port) as connection:
        for byte in text + b"X-Last: z\r\n\r\n":
            connection.send(bytes([byte]))
        assert json.loads(read_answer(connection).body)["X-Last"] == "z"


def test_an_old_client_needs_no_host(port: int) -> None:
    with dial(port, b"GET /seen HTTP/1.0\r\n\r\n") as connection:
        assert read_answer(connection).status == 200


UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AA==\r\n"


def test_an_upgrade_is_answered_as_a_request_without_it(port: int) -> None:
    with dial(port, GET + UPGRADE + b"\r\n") as connection:
        answer = read_answer(connection)
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert is_closed(connection)


@pytest.mark.parametrize("extra", [b"Content-Length: 2", b"Transfer-Encoding: chunked"])
def test_an_upgrade_has_no_body(origin: Origin, port: int, extra: bytes) -> None:
    with dial(port, GET + UPGRADE + extra + b"\r\n\r\n{}") as connection:
        assert problem(connection) == (400, "upgrade_with_body")
    assert origin.calls == 0


def test_requests_in_a_row_are_answered_in_turn_and_not_without_end(
    origin: Origin, port: int
) -> None:
    row = [GET + b"X-Number: %d\r\n" % number for number in range(3)]
    text = b"\r\n".join([*row[:2], row[2] + b"Connection: close\r\n\r\n"])
    with dial(port, text) as connection, connection.makefile("rb") as answers:
        assert re.findall(rb'"X-Number": ?"(\d)"', answers.read()) == [b"0", b"1", b"2"]
    with dial(port, (GET + b"\r\n") * 1_000) as connection:
        assert is_closed(connection)
    assert origin.calls < 1_000


POST = b"POST /seen HTTP/1.1\r\nHost: here\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BODIES = {
    "chunks of a byte": CHUNKED + b"1\r\nx\r\n" * 5_000,
    "extensions of chunks": CHUNKED + b"1;" + b"x" * 1_000_000,
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_in_pieces_without_end_is_refused(origin: Origin, port: int, kind: str) -> None:
    with dial(port, BODIES[kind]) as connection:
        assert problem(connection) == (400, "body_fragmented")
        assert is_served(port)
    assert origin.calls == 1


def test_what_follows_a_body_is_no_header(port: int) -> None:
    text = CHUNKED + b"2\r\n{}\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    with dial(port, text) as connection:
        headers = json.loads(read_answer(connection).body)
        assert headers["body"] == 2
        assert "X-Forwarded-For" not in headers


SLOW = {
    "half a head": (GET, (408, "head_slow")),
    "half a body": (POST + b"Content-Length: 90000\r\n\r\n{", (408, "body_slow")),
    "half a chunked body": (CHUNKED + b"1\r\nx", (408, "body_slow")),
    "nothing": (b"", None),
    "an empty line": (b"\r\n", None),
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_client_that_goes_on_no_further_holds_nothing(origin: Origin, kind: str) -> None:
    text, refusal = SLOW[kind]
    impatient = replace(PATIENT, head_seconds=1.0, body_seconds=1.0)
    with serving(origin.asgi, impatient) as port, ExitStack() as connections:
        slow = [connections.enter_context(dial(port, text)) for _ in range(3 * THREADS)]
        assert is_served(port)
        for connection in slow:
            if refusal is None:
                assert is_closed(connection)
            else:
                assert problem(connection) == refusal
        assert is_served(port)
    assert origin.calls == 2


def test_a_connection_may_rest_between_two_requests(origin: Origin) -> None:
    with (
        serving(origin.asgi, replace(PATIENT, head_seconds=1.0)) as port,
        dial(port, GET + b"\r\n") as connection,
        dial(port) as other,
    ):
        assert read_answer(connection).body
        assert is_closed(other), "the deadline of a head has passed"
        connection.sendall(GET + b"\r\n")
        assert read_answer(connection).status == 200


def test_slow_bodies_hold_no_thread(origin: Origin, port: int) -> None:
    with ExitStack() as connections:
        for _ in range(3 * THREADS):
            connections.enter_context(dial(port, POST + b"Content-Length: 90000\r\n\r\n{"))
        assert is_served(port)
        assert origin.calls == 1


def test_a_reader_that_does_not_read_holds_neither_thread_nor_connection(origin: Origin) -> None:
    endless = b"GET /endless HTTP/1.1\r\nHost: here\r\n\r\n"
    with (
        serving(origin.asgi, replace(PATIENT, write_seconds=0.1)) as port,
        ExitStack() as connections,
    ):
        for _ in range(3 * THREADS):
            connections.enter_context(dial(port, endless))
        assert is_served(port)
        assert origin.closed.wait(SECONDS_MAX)


def test_answers_that_nobody_reads_have_a_share_of_memory(
    origin: Origin, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limits, "UNSENT_BYTES_MAX", 1)
    with dial(port, b"GET /endless HTTP/1.1\r\nHost: here\r\n\r\n"):
        assert origin.closed.wait(SECONDS_MAX)
    assert is_served(port)


def test_each_process_gets_its_own_limits() -> None:
    limits = ConnectionLimits(replace(PATIENT, proxy_hops=1))
    copy = pickle.loads(pickle.dumps(limits))  # noqa: S301 - as the supervisor does
    assert copy.bounds == limits.bounds
    assert copy.read_address("192.0.2.1", [(b"x-forwarded-for", b"2001:db8::1")]) == "2001:db8::/64"


def test_an_address_has_so_many_connections_and_no_more(origin: Origin) -> None:
    with serving(origin.asgi, replace(PATIENT, per_address_max=2)) as port:
        with dial(port), dial(port):
            with dial(port) as third:
                assert problem(third) == (429, "too_many_connections")
            assert is_served(port)
        until(lambda: is_served(port, "127.0.0.1"))


def test_behind_a_proxy_an_address_has_so_many_requests_under_way(origin: Origin) -> None:
    def ask(route: str, address: str) -> bytes:
        forwarded = f"X-Forwarded-For: 192.0.2.1, {address}\r\nX_Forwarded_For: 192.0.2.2\r\n"
        return f"GET /{route} HTTP/1.1\r\nHost: here\r\n{forwarded}\r\n".encode()

    one, other = "198.51.100.1", "198.51.100.2"
    with serving(origin.asgi, replace(PATIENT, per_address_max=1, proxy_hops=1)) as port:
        with dial(port, ask("waits", one)) as first, dial(port, ask("seen", other)) as second:
            until(lambda: origin.calls == 2)
            assert read_answer(second).status == 200
            with dial(port, ask("seen", one)) as third:
                assert problem(third) == (429, "too_many_connections")
            origin.go_on.set()
            assert read_answer(first).status == 200
        with dial(port, ask("seen", one)) as again:
            assert read_answer(again).status == 200


@pytest.mark.parametrize("rest", [b"", GET + b"\r\nnothing\r\n\r\n"], ids=["closes", "breaks off"])
def test_a_client_that_leaves_takes_its_requests_out_of_line(
    origin: Origin, port: int, rest: bytes
) -> None:
    client = "127.0.0.1"
    with dial(port, GET.replace(b"seen", b"waits") + b"\r\n") as first:
        until(lambda: origin.calls == 1)
        with dial(port, POST + b"Content-Length: 1\r\n\r\nx") as second:
            until(lambda: origin.threads.count_line(client) == 1)
            second.sendall(rest)
        until(lambda: origin.threads.count_line(client) == 0)
        origin.go_on.set()
        assert read_answer(first).status == 200
    assert origin.calls == 1


def test_a_client_has_a_line_of_bounded_length(origin: Origin, port: int) -> None:
    origin.threads.line_max = 1
    with dial(port, GET.replace(b"seen", b"waits") + b"\r\n") as first:
        until(lambda: origin.calls == 1)
        with dial(port, GET + b"\r\n") as second:
            until(lambda: origin.threads.count_line("127.0.0.1") == 1)
            with dial(port, GET + b"\r\n") as third:
                assert problem(third) == (429, "too_many_requests")
            assert is_served(port)
            origin.go_on.set()
            assert read_answer(first).status == read_answer(second).status == 200


def test_when_all_connections_wait_for_their_clients_the_oldest_gives_way(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limits, "CONNECTIONS_MAX", connection_limits.CONNECTIONS_MIN)
    half = b"GET /seen HTTP/1.1\r\nHost: "
    with ExitStack() as connections:
        held = [
            connections.enter_context(dial(port, half))
            for _ in range(connection_limits.CONNECTIONS_MIN)
        ]
        assert is_served(port)
        assert is_closed(held[0])
        held[-1].sendall(b"here\r\n\r\n")
        assert read_answer(held[-1]).status == 200


def test_bodies_have_a_share_of_memory_and_the_oldest_gives_way(port: int) -> None:
    text = POST + b"Content-Length: %d\r\n\r\n" % BODY_MAX + b"x" * (BODY_MAX - 1)
    share = BODIES_MAX // ADDRESS_SHARE
    with ExitStack() as connections:
        held = [
            connections.enter_context(dial(port, text, source=source))
            for source in ("127.0.0.2", "127.0.0.3")
            for _ in range(share)
        ]
        assert is_served(port), "so the bodies have come too"
        with dial(port, text, source="127.0.0.3") as greedy:
            assert problem(greedy) == (429, "too_many_connections")
        with dial(port, text, source="127.0.0.4") as newcomer:
            newcomer.sendall(b"x")
            assert json.loads(read_answer(newcomer).body)["body"] == BODY_MAX
        held[-1].sendall(b"x")
        assert read_answer(held[-1]).status == 200
        assert is_closed(held[0])


def test_a_refused_body_is_read_so_that_its_client_reads_the_refusal(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)) as client:
        client.request("POST", "/seen", b"x" * (8 * BODY_MAX))
        assert client.getresponse().status == 413
