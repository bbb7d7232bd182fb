"""Keep-alive connections driven by one thread, so that the load costs the machine little itself.

A script is a generator: it yields a request as bytes and receives the body of its answer.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Self
from urllib.parse import urlsplit

Script = Generator[bytes, bytes, None]
RECEIVED_BYTES = 1_048_576
OK = b"HTTP/1.1 200 "
HEAD_ENDS = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


def head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """Return a request line and the first headers, up to where other headers and the body begin."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: bench",
        *(f"{name}: {headers[name]}" for name in headers),
    ]
    return "\r\n".join([*lines, ""]).encode()


class HttpConnection:
    """One connection, and the script that sends requests over it."""

    def __init__(self, api_url: str, script: Script) -> None:
        url = urlsplit(api_url)
        self.socket = socket.create_connection((url.hostname or "", url.port or 80))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._script, self._request = script, next(script)
        self._answer, self._body_at, self._whole = bytearray(), 0, 0

    def __enter__(self) -> Self:
        """Open nothing: the connection is there."""
        return self

    def __exit__(self, *_fault: object) -> None:
        """Close the connection."""
        self.socket.close()

    def send(self) -> None:
        """Send the script's next request."""
        self.socket.sendall(self._request)

    def receive(self) -> bool:
        """Read the bytes that have arrived; return whether they complete the answer.

        :raises AssertionError: when the status is not 200 or there is no Content-Length
        """
        self._answer += self.socket.recv(RECEIVED_BYTES)
        if not self._whole and HEAD_ENDS in self._answer:
            headers = bytes(self._answer[: self._answer.index(HEAD_ENDS) + 2]).lower()
            if not self._answer.startswith(OK) or LENGTH not in headers:
                raise AssertionError(bytes(self._answer))
            self._body_at = len(headers) + 2
            self._whole = self._body_at + int(headers.partition(LENGTH)[2].partition(b"\r\n")[0])
        if not self._whole or len(self._answer) < self._whole:
            return False
        body = bytes(self._answer[self._body_at :])
        self._answer, self._whole = bytearray(), 0
        self._request = self._script.send(body)
        return True

    def once(self) -> None:
        """Send one request and read the whole answer."""
        self.send()
        while not self.receive():
            pass


def answers_per_second(connections: Sequence[HttpConnection], seconds: float) -> float:
    """Send requests over all connections for some seconds; return the answers in a second."""
    began = time.perf_counter()
    count = answers(connections, lambda _count: time.perf_counter() - began < seconds)
    return count / (time.perf_counter() - began)


def answers(connections: Sequence[HttpConnection], again: Callable[[int], bool]) -> int:
    """Send a request over each connection, and another after each answer while `again` allows it.

    `again` takes the number of answers so far. Returns the number of all answers.
    """
    count = 0
    with selectors.DefaultSelector() as selector:
        for one in connections:
            selector.register(one.socket, selectors.EVENT_READ, one)
            one.send()
        while selector.get_map():
            for key, _ in selector.select():
                if not key.data.receive():
                    continue
                count += 1
                if again(count):
                    key.data.send()
                else:
                    selector.unregister(key.fileobj)
    return count


def repeating(request: bytes) -> Script:
    """Yield the same request again and again."""
    while True:
        yield request
