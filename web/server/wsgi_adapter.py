"""Flask inside an ASGI process: a request is read before its thread begins, and its answer leaves as one."""

from __future__ import annotations

import io
import sys
from asyncio import get_running_loop, run_coroutine_threadsafe
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from flask import Flask
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from engine.observability import metrics
from web.realtime.flask_bridge import Receive, Scope, Send

# As much of a body as the server holds anyway before it stops reading. What is longer waits for a thread,
# of which there are few: so nobody makes us hold more large bodies than that.
EARLY_BYTES_MAX = 65_536
NAMES_KEPT = 1024
CONSTANT: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    # The ASGI server ends chunked bodies too; Werkzeug would read none without a length.
    "wsgi.input_terminated": True,
}
Headers = list[tuple[bytes, bytes]]
T = TypeVar("T")


class FlaskUnderAsgi:
    """An ASGI application that runs Flask on `threads` threads (PEP 3333 under ASGI 3)."""

    def __init__(self, app: Flask, *, threads: int) -> None:
        self.flask = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="flask")
        metrics.THREADS.set(threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        line, environ = Line(receive, send), environ_of(scope)
        try:
            environ["wsgi.input"] = await self._input(environ, line)
        except ClientDisconnected:
            return
        metrics.REQUESTS_WAITING.inc()
        answer = await get_running_loop().run_in_executor(
            self._threads, self._counted, environ, line
        )
        if answer is not None:
            status, headers, body = answer
            await line.begin(status, headers)
            await line.say(body, more=False)

    async def _input(self, environ: dict[str, Any], line: Line) -> io.BytesIO | Late:
        """Return the body: there already, or to be read once somebody wants it."""
        length = environ.get("CONTENT_LENGTH", "0")
        late = "HTTP_TRANSFER_ENCODING" in environ or "HTTP_EXPECT" in environ
        if late or not length.isdecimal() or int(length) > EARLY_BYTES_MAX:
            return Late(line, self.flask.config["MAX_CONTENT_LENGTH"])
        return io.BytesIO(await line.read() if length != "0" else b"")

    def _counted(self, environ: dict[str, Any], line: Line) -> tuple[int, Headers, bytes] | None:
        metrics.REQUESTS_WAITING.dec()
        with metrics.THREADS_BUSY.track_inprogress():
            return self._answer(environ, line)

    def _answer(self, environ: dict[str, Any], line: Line) -> tuple[int, Headers, bytes] | None:
        """Return the whole answer, or nothing once it has been streamed. Runs in a thread."""
        begun: list[tuple[int, Headers]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _fault: Any = None) -> Any:
            told = [(_told(name), value.encode("latin1")) for name, value in headers]
            begun.append((int(status[:3]), told))

        chunks = self.flask.wsgi_app(environ, start_response)
        try:
            status, headers = begun[-1]
            # Werkzeug gives what has no body as a tuple, and what it holds in memory its length.
            if isinstance(chunks, tuple) or any(name == b"content-length" for name, _ in headers):
                return status, headers, b"".join(chunks)
            line.stream(status, headers, chunks)
            return None
        finally:
            getattr(chunks, "close", lambda: None)()


class Line:
    """Both directions of one request: for the event loop and, by its leave, for the request's thread."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send, self._loop = receive, send, get_running_loop()

    async def read(self, most: int | None = None) -> bytes:
        """Return the body; of one that is longer than `most` bytes, so much that this shows.

        :raises ClientDisconnected: when the client goes before the end.
        """
        parts, size, more = [], 0, True
        while more and (most is None or size <= most):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
        return b"".join(parts)

    async def begin(self, status: int, headers: Headers) -> None:
        """Send the head of the answer."""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def say(self, body: bytes, *, more: bool) -> None:
        """Send a part of the answer, once the client has taken enough of those before."""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    def wait(self, act: Coroutine[Any, Any, T]) -> T:
        """Have the loop do something, and let this thread wait for it."""
        return run_coroutine_threadsafe(act, self._loop).result()

    def stream(self, status: int, headers: Headers, chunks: Iterable[bytes]) -> None:
        """Send each part as it is made, until the client goes."""
        self.wait(self.begin(status, headers))
        gone = run_coroutine_threadsafe(self._gone(), self._loop)
        try:
            for chunk in chunks:
                if gone.done():
                    return
                self.wait(self.say(chunk, more=True))
            self.wait(self.say(b"", more=False))
        finally:
            gone.cancel()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


class Late(io.RawIOBase):
    """A body of which nothing is asked for, not by a 100 (Continue) either, before somebody reads it."""

    def __init__(self, line: Line, most: int) -> None:
        super().__init__()
        self._line, self._most = line, most
        self._body: io.BytesIO | None = None

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the body goes.

        :raises RequestEntityTooLarge: when the body is longer than `most` bytes.
        :raises ClientDisconnected: when the client goes before the end.
        """
        if self._body is None:
            self._body = io.BytesIO(self._line.wait(self._line.read(self._most)))
            if self._body.getbuffer().nbytes > self._most:
                raise RequestEntityTooLarge
        return self._body.readinto(buffer)


def environ_of(scope: Scope) -> dict[str, Any]:
    """Return the WSGI environment of a request, but for its body (PEP 3333)."""
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("localhost", 80)
    environ = CONSTANT | {
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


@lru_cache(NAMES_KEPT)
def _key(name: bytes) -> str:
    """Return where WSGI keeps a header, or nothing for a name that it could not tell from another."""
    if b"_" in name:  # X_Forwarded_For would speak for the proxy that sets X-Forwarded-For
        return ""
    key = name.decode("latin1").upper().replace("-", "_")
    return key if key in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{key}"


@lru_cache(NAMES_KEPT)
def _told(name: str) -> bytes:
    return name.lower().encode("latin1")
