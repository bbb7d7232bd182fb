"""Servers of the attacker's, which definitions name: each speaks bytes of its own to a caller."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

HEAD_END = b"\r\n\r\n"
RECEIVED_BYTES = 65_536
Speak = Callable[[socket.socket], None]


@contextmanager
def peer(speak: Speak) -> Iterator[int]:
    """Run a TCP server on the loopback that gives each connection to `speak`; yield its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            speak(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with listener:
        yield listener.getsockname()[1]


def read_head(connection: socket.socket) -> bytes:
    """Read a request's head, or what there is of it when the caller ends the connection."""
    head = b""
    while HEAD_END not in head:
        part = connection.recv(RECEIVED_BYTES)
        if not part:
            break
        head += part
    return head


def wait_for_end(connection: socket.socket) -> None:
    """Return once the caller ends the connection."""
    while connection.recv(RECEIVED_BYTES):
        pass


def answer(body: bytes, *, headers: bytes = b"Content-Type: application/json\r\n") -> Speak:
    """Return a server's part that answers one request with a body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body) + headers

    def speak(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(head + b"\r\n" + body)
        wait_for_end(connection)

    return speak


@contextmanager
def asyncapi_document(protocol: str, port: int) -> Iterator[int]:
    """Serve a document of AsyncAPI 2 with a channel `t` on a server; yield its port."""
    document = {
        "asyncapi": "2.6.0",
        "info": {"title": "attack", "version": "1"},
        "servers": {"s": {"url": f"127.0.0.1:{port}", "protocol": protocol}},
        "channels": {"t": {"subscribe": {"message": {}}}},
    }
    with peer(answer(json.dumps(document).encode())) as document_port:
        yield document_port
