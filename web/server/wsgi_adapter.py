"""WSGI adapter: runs Flask in an ASGI process, with request and answer read and sent as a whole.

A client that sends or reads slowly holds no thread. The event loop receives the whole body before
a thread begins. An answer that Flask makes part by part gets a thread for each part, and the event
loop sends the part before it asks for the next.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import get_running_loop
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask
from werkzeug.exceptions import ClientDisconnected

from engine.observability import metrics
from web.realtime.flask_bridge import Receive, Scope, Send, make_environ, wait_for_disconnect
from web.request_threads import RequestThreads, find_client
from web.server import refusals
from web.server.refusals import Refusal

STREAM_SECONDS_MAX = 3600.0
EMPTY_STATUSES = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class WsgiAnswer:
    """Whole answer of Flask."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """Answer of Flask that is made part by part, in the context of its request."""

    status: int
    headers: Headers
    chunks: Iterable[bytes]
    parts: Iterator[bytes]
    context: contextvars.Context

    def make_part(self) -> bytes | None:
        """Return the next part, or None after the last one; in a thread."""
        return self.context.run(self._advance)

    def close(self) -> None:
        """End the request in Flask; in a thread."""
        self.context.run(getattr(self.chunks, "close", lambda: None))

    def _advance(self) -> bytes | None:
        return next(self.parts, None)


class WsgiAdapter:
    """ASGI application that runs Flask on threads (PEP 3333 under ASGI 3).

    `stream_threads` make the parts of the answers that are streamed.
    """

    def __init__(self, app: Flask, threads: RequestThreads, *, stream_threads: int) -> None:
        self.flask = app
        self._threads = threads
        self._stream_threads = ThreadPoolExecutor(stream_threads, thread_name_prefix="stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            answer = await self._answer(scope, receive)
        except ClientDisconnected:
            return
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": answer.headers,
            }
        )
        if isinstance(answer, StreamedAnswer):
            await self._stream(answer, receive, send)
        else:
            await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    async def _answer(self, scope: Scope, receive: Receive) -> WsgiAnswer | StreamedAnswer:
        """Return Flask's answer, or a refusal when too many requests of the client wait.

        :raises ClientDisconnected: when the client disconnects before Flask begins.
        """
        body, is_whole = await self._read_body(dict(scope["headers"]), receive)
        environ = make_environ(scope, body)
        client = find_client(self.flask, environ)
        if self._threads.count_line(client) >= self._threads.line_max:
            return _refuse(refusals.REQUESTS_TOO_MANY)
        # To watch the client is to read on: not the rest of a body that Flask refuses.
        watch = partial(wait_for_disconnect, receive) if is_whole else None
        return await self._threads.run(client, self._run, environ, watch=watch)

    async def _read_body(self, headers: dict[bytes, bytes], receive: Receive) -> tuple[bytes, bool]:
        """Return the body and that it is whole, or a part of one that Flask refuses as too long.

        A body that is too long by its own account is not read, nor asked for by a 100 (Continue).

        :raises ClientDisconnected: when the client disconnects before the end, or is too slow.
        """
        bytes_max = self.flask.config["MAX_CONTENT_LENGTH"]
        length = headers.get(b"content-length", b"0")
        if b"transfer-encoding" not in headers and (length == b"0" or int(length) > bytes_max):
            return b"", length == b"0"
        parts, size, has_more = [], 0, True
        while has_more and size <= bytes_max:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            has_more = message.get("more_body", False)
        return b"".join(parts), not has_more

    def _run(self, environ: dict[str, Any]) -> WsgiAnswer | StreamedAnswer:
        """Run Flask in this thread."""
        context = contextvars.copy_context()
        return context.run(self._call_flask, environ, context)

    def _call_flask(
        self, environ: dict[str, Any], context: contextvars.Context
    ) -> WsgiAnswer | StreamedAnswer:
        heads: list[tuple[int, Headers]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
            pairs = [(name.lower().encode(), value.encode("latin1")) for name, value in headers]
            heads.append((int(status[:3]), pairs))

        chunks = self.flask.wsgi_app(environ, start_response)
        status, headers = heads[-1]
        # Werkzeug sets the length of a body in memory, and sends none with these.
        is_empty = environ["REQUEST_METHOD"] == "HEAD" or status in EMPTY_STATUSES
        if not is_empty and all(name != b"content-length" for name, _ in headers):
            return StreamedAnswer(status, headers, chunks, iter(chunks), context)
        try:
            return WsgiAnswer(status, headers, b"".join(chunks))
        finally:
            getattr(chunks, "close", lambda: None)()

    async def _stream(self, answer: StreamedAnswer, receive: Receive, send: Send) -> None:
        """Send each part once the client has taken those before it, until it disconnects.

        The server takes a client that reads nothing for disconnected. A stream that lasts longer
        than STREAM_SECONDS_MAX breaks off.
        """
        loop = get_running_loop()
        disconnect = asyncio.create_task(wait_for_disconnect(receive))
        deadline = loop.time() + STREAM_SECONDS_MAX
        try:
            while not disconnect.done() and loop.time() < deadline:
                part = await loop.run_in_executor(self._stream_threads, answer.make_part)
                if part is None:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    return
                await send({"type": "http.response.body", "body": part, "more_body": True})
        finally:
            disconnect.cancel()
            await loop.run_in_executor(self._stream_threads, answer.close)


def _refuse(refusal: Refusal) -> WsgiAnswer:
    metrics.REFUSALS.labels(refusal.code).inc()
    headers, body = refusal.make_answer()
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return WsgiAnswer(refusal.status, pairs, body)
