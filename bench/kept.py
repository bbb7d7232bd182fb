"""Kept connections, all driven by one thread: a load that costs the measured machine little itself.

A script is a generator: it yields a request as bytes and is sent the body of its answer.
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
    """Return a request up to where its own headers and body begin."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: bench",
        *(f"{name}: {headers[name]}" for name in headers),
    ]
    return "\r\n".join([*lines, ""]).encode()


class Kept:
    """One connection, and the script that talks over it."""

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

    def ask(self) -> None:
        """Send the script's next request."""
        self.socket.sendall(self._request)

    def hear(self) -> bool:
        """Take what has arrived; tell whether that completes the answer.

        :raises AssertionError: when it is another answer than 200 with a length.
        """
        self._answer += self.socket.recv(RECEIVED_BYTES)
        if not self._whole and HEAD_ENDS in self._answer:
            told = bytes(self._answer[: self._answer.index(HEAD_ENDS) + 2]).lower()
            if not self._answer.startswith(OK) or LENGTH not in told:
                raise AssertionError(bytes(self._answer))
            self._body_at = len(told) + 2
            self._whole = self._body_at + int(told.partition(LENGTH)[2].partition(b"\r\n")[0])
        if not self._whole or len(self._answer) < self._whole:
            return False
        body = bytes(self._answer[self._body_at :])
        self._answer, self._whole = bytearray(), 0
        self._request = self._script.send(body)
        return True

    def once(self) -> None:
        """Ask once and hear the whole answer."""
        self.ask()
        while not self.hear():
            pass


def answers_per_second(connections: Sequence[Kept], seconds: float) -> float:
    """Let all ask, each again as soon as it is answered, for some seconds; return the rate of answers."""
    began = time.perf_counter()
    done = answers(connections, lambda _done: time.perf_counter() - began < seconds)
    return done / (time.perf_counter() - began)


def answers(connections: Sequence[Kept], again: Callable[[int], bool]) -> int:
    """Let all ask, each anew once it is answered while `again` says so of how many were; return how many."""
    done = 0
    with selectors.DefaultSelector() as selector:
        for one in connections:
            selector.register(one.socket, selectors.EVENT_READ, one)
            one.ask()
        while selector.get_map():
            for key, _ in selector.select():
                if not key.data.hear():
                    continue
                done += 1
                if again(done):
                    key.data.ask()
                else:
                    selector.unregister(key.fileobj)
    return done


def repeating(request: bytes) -> Script:
    """Send the same request again and again."""
    while True:
        yield request
