"""An ASGI application under uvicorn in a thread of the test, and raw connections to it."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from functools import partial
from typing import Any

import uvicorn

from bin.devtools.stack.server import free_port
from web.server.connection_limits import ConnectionBounds, ConnectionLimits
from web.server.graceful_shutdown import Protocol

SECONDS_MAX = 20


class ThreadServer(uvicorn.Server):
    """Leaves the signals to pytest."""

    def capture_signals(self) -> Any:
        return closing(socket.socket())


@contextmanager
def serving(asgi: Any, bounds: ConnectionBounds) -> Iterator[int]:
    """Serve on all loopback addresses, with the connections of the web process; yield the port."""
    port = free_port()
    protocol: Any = partial(Protocol, limits=ConnectionLimits(bounds))
    config = uvicorn.Config(
        asgi,
        host="0.0.0.0",  # noqa: S104 - clients of several loopback addresses connect
        port=port,
        http=protocol,
        ws="none",
        log_level="critical",
        lifespan="off",
        proxy_headers=False,
    )
    server = ThreadServer(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


def dial(port: int, text: bytes = b"", *, source: str = "127.0.0.1") -> socket.socket:
    """Connect from a loopback address and send a text."""
    connection = socket.create_connection(
        ("127.0.0.1", port), SECONDS_MAX, source_address=(source, 0)
    )
    try:
        connection.sendall(text)
    except OSError:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that has been read to its end."""

    status: int
    headers: Message
    body: bytes


def read_answer(connection: socket.socket) -> Answer:
    """Read the next answer."""
    with http.client.HTTPResponse(connection) as answer:
        answer.begin()
        return Answer(answer.status, answer.headers, answer.read())
