"""WSGI adapter: runs Flask in an ASGI process, with request and answer read and sent as a whole."""

from __future__ import annotations

import io
import sys
from asyncio import get_running_loop, run_coroutine_threadsafe
from collections.abc import Coroutine, Iterable
from functools import lru_cache
from typing import Any, TypeVar

from flask import Flask
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from web.realtime.flask_bridge import Receive, Scope, Send, wait_for_disconnect
from web.request_threads import RequestThreads, find_client

# The server buffers this much of a body anyway. A longer body is read by the request's thread; the
# number of threads bounds the number of large bodies in memory.
EARLY_BYTES_MAX = 65_536
HEADER_NAMES_MAX = 1024
ENVIRON: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    # The ASGI server marks the end of chunked bodies; else Werkzeug reads none without a length.
    "wsgi.input_terminated": True,
}
Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]  # status, headers, body
T = TypeVar("T")


class WsgiAdapter:
    """ASGI application that runs Flask on threads (PEP 3333 under ASGI 3)."""

    def __init__(self, app: Flask, threads: RequestThreads) -> None:
        self.flask = app
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        exchange, environ = HttpExchange(receive, send), make_environ(scope)
        try:
            environ["wsgi.input"] = await self._make_input(environ, exchange)
        except ClientDisconnected:
            return
        client = find_client(self.flask, environ)
        answer = await self._threads.run(client, self._run, environ, exchange)
        if answer is not None:
            status, headers, body = answer
            await exchange.send_head(status, headers)
            await exchange.send_body(body, has_more=False)

    async def _make_input(
        self, environ: dict[str, Any], exchange: HttpExchange
    ) -> io.BytesIO | DeferredBody:
        """Return the body, or a file that reads it later if it is long or of unknown length."""
        length = environ.get("CONTENT_LENGTH", "0")
        is_deferred = "HTTP_TRANSFER_ENCODING" in environ or "HTTP_EXPECT" in environ
        if is_deferred or not length.isdecimal() or int(length) > EARLY_BYTES_MAX:
            return DeferredBody(exchange, self.flask.config["MAX_CONTENT_LENGTH"])
        return io.BytesIO(await exchange.read() if length != "0" else b"")

    def _run(self, environ: dict[str, Any], exchange: HttpExchange) -> Answer | None:
        """Run Flask in this thread; return the whole answer, or nothing after it was streamed."""
        heads: list[tuple[int, Headers]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
            pairs = [(_lower(name), value.encode("latin1")) for name, value in headers]
            heads.append((int(status[:3]), pairs))

        chunks = self.flask.wsgi_app(environ, start_response)
        try:
            status, headers = heads[-1]
            # Werkzeug returns an empty body as a tuple, and sets the length of one in memory.
            if isinstance(chunks, tuple) or any(name == b"content-length" for name, _ in headers):
                return status, headers, b"".join(chunks)
            exchange.stream(status, headers, chunks)
            return None
        finally:
            getattr(chunks, "close", lambda: None)()


class HttpExchange:
    """Body and answer of one request, for the event loop and for the request's thread."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send, self._loop = receive, send, get_running_loop()

    async def read(self, bytes_max: int | None = None) -> bytes:
        """Return the body, or more than `bytes_max` bytes of a longer one.

        :raises ClientDisconnected: when the client disconnects before the end.
        """
        parts, size, has_more = [], 0, True
        while has_more and (bytes_max is None or size <= bytes_max):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            has_more = message.get("more_body", False)
        return b"".join(parts)

    async def send_head(self, status: int, headers: Headers) -> None:
        """Send the status and headers of the answer."""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send_body(self, part: bytes, *, has_more: bool) -> None:
        """Send a part of the body; it waits while a slow client's buffer is full."""
        await self._send({"type": "http.response.body", "body": part, "more_body": has_more})

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop and wait for it in this thread."""
        return run_coroutine_threadsafe(coroutine, self._loop).result()

    def stream(self, status: int, headers: Headers, chunks: Iterable[bytes]) -> None:
        """Send each part when Flask yields it, until the client disconnects."""
        self.wait(self.send_head(status, headers))
        disconnect = run_coroutine_threadsafe(wait_for_disconnect(self._receive), self._loop)
        try:
            for chunk in chunks:
                if disconnect.done():
                    return
                self.wait(self.send_body(chunk, has_more=True))
            self.wait(self.send_body(b"", has_more=False))
        finally:
            disconnect.cancel()


class DeferredBody(io.RawIOBase):
    """Body that is read, and requested by a 100 (Continue), only when Flask reads it."""

    def __init__(self, exchange: HttpExchange, bytes_max: int) -> None:
        super().__init__()
        self._exchange, self._bytes_max = exchange, bytes_max
        self._body: io.BytesIO | None = None

    def readable(self) -> bool:
        """Return True, as the file is readable."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with the next bytes of the body.

        :raises RequestEntityTooLarge: when the body is longer than `bytes_max` bytes.
        :raises ClientDisconnected: when the client disconnects before the end.
        """
        if self._body is None:
            data = self._exchange.wait(self._exchange.read(self._bytes_max))
            self._body = io.BytesIO(data)
            if len(data) > self._bytes_max:
                raise RequestEntityTooLarge
        return self._body.readinto(buffer)


def make_environ(scope: Scope) -> dict[str, Any]:
    """Return the WSGI environment of a request without its body (PEP 3333)."""
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("localhost", 80)
    environ = ENVIRON | {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": scope["path"].encode().decode("latin1"),
        "RAW_URI": scope["raw_path"].decode("latin1"),
        "QUERY_STRING": scope["query_string"].decode("latin1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
    }
    for name, value in scope["headers"]:
        key = _key(name)
        if key in environ:
            environ[key] += "," + value.decode("latin1")
        elif key:
            environ[key] = value.decode("latin1")
    return environ


@lru_cache(HEADER_NAMES_MAX)
def _key(name: bytes) -> str:
    """Return the environment's key of a header, or nothing for an ambiguous name."""
    if b"_" in name:  # X_Forwarded_For would pass for the proxy's X-Forwarded-For
        return ""
    key = name.decode("latin1").upper().replace("-", "_")
    return key if key in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{key}"


@lru_cache(HEADER_NAMES_MAX)
def _lower(name: str) -> bytes:
    return name.lower().encode("latin1")
