"""Flask under uvicorn: bodies, answers, streams, and clients that leave."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from flask import Flask, Response, request

from tests.support.web.asgi_server import SECONDS_MAX, dial, read_answer, serving
from web.request_threads import RequestThreads
from web.server.connection_limits import ConnectionBounds
from web.server.wsgi_adapter import WsgiAdapter

pytestmark = pytest.mark.unit


BODY_MAX = 1_000_000
CHUNK = b"x" * 100_000
BUFFER_BYTES = 65_536  # which uvicorn reads of a body before it is requested


class Origin:
    """A Flask app whose routes tell what they saw, and the address of its server."""

    def __init__(self) -> None:
        self.app = Flask(__name__)
        self.app.config["MAX_CONTENT_LENGTH"] = BODY_MAX
        self.port = 0
        self.bodies: list[bytes] = []
        self.made = 0
        self.go_on, self.closed = threading.Event(), threading.Event()
        rules = ("echo", "unread", "seen", "stream", "endless", "breaks", "nothing", "unchanged")
        for rule in rules:
            self.app.add_url_rule(f"/{rule}", rule, getattr(self, rule), methods=["GET", "POST"])

    def echo(self) -> Response:
        self.bodies.append(request.get_data())
        return Response(self.bodies[-1])

    def unread(self) -> tuple[str, int]:
        return "no", 403

    def seen(self) -> dict[str, Any]:
        kept = {name: str(value) for name, value in request.environ.items() if name.isupper()}
        return kept | {"args": request.args.to_dict()}

    def stream(self) -> Response:
        def parts() -> Iterator[bytes]:
            yield b"first"
            assert self.go_on.wait(SECONDS_MAX)
            yield b"second"

        return Response(parts())

    def endless(self) -> Response:
        def parts() -> Iterator[bytes]:
            try:
                while True:
                    self.made += 1
                    yield CHUNK
            finally:
                self.closed.set()

        return Response(parts())

    def breaks(self) -> Response:
        def parts() -> Iterator[bytes]:
            yield b"first"
            raise RuntimeError("in the middle")

        return Response(parts())

    def nothing(self) -> tuple[str, int]:
        return "", 204

    def unchanged(self) -> tuple[str, int]:
        return "", 304


@pytest.fixture
def origin() -> Iterator[Origin]:
    made = Origin()
    bounds = ConnectionBounds(per_address_max=100, proxy_hops=0, body_bytes_max=BODY_MAX)
    with serving(WsgiAdapter(made.app, RequestThreads(4), stream_threads=1), bounds) as made.port:
        yield made


@pytest.fixture
def client(origin: Origin) -> Iterator[http.client.HTTPConnection]:
    with closing(
        http.client.HTTPConnection("127.0.0.1", origin.port, timeout=SECONDS_MAX)
    ) as opened:
        yield opened


def read_to_end(connection: socket.socket) -> bytes:
    """Return what comes up to the last chunk of an answer."""
    text = b""
    while not text.endswith(b"0\r\n\r\n"):
        text += connection.recv(1000)
    return text


def post(path: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: here", *headers, "", ""]).encode() + body


@pytest.mark.parametrize("size", [0, 1, BUFFER_BYTES, BUFFER_BYTES + 1, BODY_MAX])
def test_a_body_arrives_whole_and_the_connection_is_kept(
    client: http.client.HTTPConnection, size: int
) -> None:
    for chunked in (False, True):
        body = bytes(range(256)) * (size // 256) + b"e" * (size % 256)
        client.request("POST", "/echo", iter([body]) if chunked else body, encode_chunked=chunked)
        answer = client.getresponse()
        assert (answer.status, answer.read() == body) == (200, True)
        assert answer.getheader("Content-Length") == str(size)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(
    client: http.client.HTTPConnection, chunked: bool
) -> None:
    body = b"x" * (BODY_MAX + 1)
    client.request("POST", "/echo", iter([body]) if chunked else body, encode_chunked=chunked)
    assert client.getresponse().status == 413


def test_what_is_too_large_by_its_length_is_refused_before_it_is_sent(origin: Origin) -> None:
    asked = post("/echo", f"Content-Length: {BODY_MAX + 1}", "Expect: 100-continue")
    with dial(origin.port, asked) as opened:
        assert opened.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_body_is_asked_for_before_a_thread_begins(origin: Origin) -> None:
    with ExitStack() as connections:
        asked = post("/echo", "Content-Length: 5", "Expect: 100-continue")
        held = [connections.enter_context(dial(origin.port, asked)) for _ in range(5)]
        for opened in held:
            assert opened.recv(1000).startswith(b"HTTP/1.1 100 ")
        for opened in held:
            opened.sendall(b"12345")
            assert read_answer(opened).body == b"12345"


@pytest.mark.parametrize("size", [100, BUFFER_BYTES + 100])
def test_a_client_that_leaves_amid_its_body_is_not_taken_for_done(
    origin: Origin, size: int
) -> None:
    with dial(origin.port, post("/echo", f"Content-Length: {size}", body=b"[]")):
        pass
    with dial(origin.port, post("/echo", "Content-Length: 2", body=b"[]")) as opened:
        assert opened.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert origin.bodies == [b"[]"]


def test_a_stream_is_sent_as_it_is_made(origin: Origin, client: http.client.HTTPConnection) -> None:
    client.request("GET", "/stream")
    answer = client.getresponse()
    assert answer.getheader("Transfer-Encoding") == "chunked"
    assert answer.read1() == b"first"
    origin.go_on.set()
    assert answer.read() == b"second"


def test_a_stream_waits_for_its_reader_and_ends_with_it(
    origin: Origin, client: http.client.HTTPConnection
) -> None:
    with dial(origin.port, b"GET /endless HTTP/1.1\r\nHost: here\r\n\r\n") as opened:
        assert opened.recv(1000).startswith(b"HTTP/1.1 200 ")
        for _ in range(500):  # time in which it would make some hundred megabytes
            client.request("POST", "/echo", b"1")
            assert client.getresponse().read() == b"1"
        assert origin.made * len(CHUNK) < 30_000_000  # what the buffers on the way hold
        assert not origin.closed.is_set()
    assert origin.closed.wait(SECONDS_MAX)


def test_streams_share_a_thread_and_leave_the_others_alone(
    origin: Origin, client: http.client.HTTPConnection
) -> None:
    with ExitStack() as connections:
        for _ in range(5):
            opened = connections.enter_context(
                dial(origin.port, b"GET /endless HTTP/1.1\r\nHost: here\r\n\r\n")
            )
            assert opened.recv(1000).startswith(b"HTTP/1.1 200 ")
        client.request("POST", "/echo", b"1")
        assert client.getresponse().read() == b"1"
        client.request("GET", "/breaks")
        assert client.getresponse().read1() == b"first"


def test_a_stream_that_breaks_is_not_taken_for_complete(client: http.client.HTTPConnection) -> None:
    client.request("GET", "/breaks")
    with pytest.raises(http.client.IncompleteRead):
        client.getresponse().read()


def test_answers_without_a_body_have_none(client: http.client.HTTPConnection) -> None:
    for method, path, status, length in (
        ("HEAD", "/echo", 200, "0"),
        ("GET", "/nothing", 204, None),
    ):
        client.request(method, path)
        answer = client.getresponse()
        assert (answer.status, answer.read(), answer.getheader("Content-Length")) == (
            status,
            b"",
            length,
        )


def test_an_answer_without_a_body_waits_for_no_stream(
    origin: Origin, client: http.client.HTTPConnection
) -> None:
    with dial(origin.port, b"GET /stream HTTP/1.1\r\nHost: here\r\n\r\n") as opened:
        assert opened.recv(1000).startswith(b"HTTP/1.1 200 ")
        for method, path, status in (
            ("GET", "/nothing", 204),
            ("GET", "/unchanged", 304),
            ("HEAD", "/stream", 200),
        ):
            client.request(method, path)
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (status, b"")
        origin.go_on.set()
        assert read_to_end(opened).endswith(b"second\r\n0\r\n\r\n")


def test_the_request_is_told_as_it_came(origin: Origin) -> None:
    text = (
        "GET /s%65en?a=%C3%A9&b=1 HTTP/1.1\r\nHost: here:1\r\nX-Twice: 1\r\nX-Twice: 2\r\n"
        "X_Forwarded_For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Latin: \u00e9\r\n\r\n"
    )
    with dial(origin.port, text.encode("latin1")) as opened:
        seen = json.loads(read_answer(opened).body)
    assert seen["args"] == {"a": "é", "b": "1"}
    assert (seen["PATH_INFO"], seen["RAW_URI"]) == ("/seen", "/s%65en")
    assert (seen["HTTP_X_TWICE"], seen["HTTP_X_LATIN"]) == ("1,2", "é")
    assert (seen["REMOTE_ADDR"], seen["HTTP_HOST"]) == ("127.0.0.1", "here:1")
    assert seen["HTTP_X_FORWARDED_FOR"] == "5.6.7.8"
