"""Server-sent events (WHATWG HTML, section 9.2): what all our streams have in common."""

from __future__ import annotations

import asyncio
import http
import math
import secrets
import time
from abc import ABC, abstractmethod

from flask import Flask

from engine.config.settings import Settings
from engine.observability import metrics
from web.http.problems import LimitedError
from web.realtime.delivered import Heard
from web.realtime.flask_bridge import Asked, Receive, Scope, Send, disconnected, headers_of, reply
from web.realtime.hub import Hub, Stream
from web.realtime.stream_quota import Places

RETRY_MS = 1_000
RETRY_JITTER_MS = 4_000  # so that a restarted process is not met by all its clients at once
UNBUFFERED = (b"x-accel-buffering", b"no")  # what nginx would hold back


class Streaming(ABC):
    """An ASGI application of one path, whose Flask route judges requests and begins answers."""

    def __init__(self, app: Flask, settings: Settings, hub: Hub, places: Places) -> None:
        self.app = app
        self.settings = settings
        self.hub = hub
        self.places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: a stream, or a problem."""
        asked = Asked.of(self.app, scope)
        refusal = await asyncio.to_thread(asked.enter)
        if refusal is not None:
            await reply(refusal, send)
            return
        account_id = str(asked.identity.account_id)
        place = await self.places.take(account_id)
        if place is None:
            metrics.REFUSALS.labels("streams").inc()
            detail = f"An account may have {self.places.most} live streams open."
            error = LimitedError(detail, retry_seconds=30, code="too_many_streams")
            await reply(await asyncio.to_thread(asked.refuse, error), send)
            return
        try:
            await self._open(asked, receive, send)
        finally:
            await self.places.leave(account_id, place)

    @abstractmethod
    def begin(self, stream: Stream, asked: Asked, missed: int) -> None:
        """Set the stream to what the route has noted; it was `missed` so often before the route was asked."""

    @abstractmethod
    async def follow(
        self, stream: Stream, asked: Asked, gone: asyncio.Task[None], send: Send
    ) -> None:
        """Send until all is told, or it is over."""

    async def _open(self, asked: Asked, receive: Receive, send: Send) -> None:
        """Start the answer, and stream unless it is a problem."""
        who = asked.identity
        stream = Stream(str(who.account_id), who.agent_id, Heard(""))
        gone = asyncio.create_task(disconnected(receive))
        try:
            async with self.hub.joined(
                stream
            ):  # before the head is read: what happens after it is not missed
                missed = stream.missed
                answer, _ = await asyncio.to_thread(asked.answer)
                if answer.status_code != http.HTTPStatus.OK:
                    await reply(answer, send)
                    return
                self.begin(stream, asked, missed)
                headers = [pair for pair in headers_of(answer) if pair[0] != b"content-length"]
                start = {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [*headers, UNBUFFERED],
                }
                await send(start)
                await say(send, f"retry: {RETRY_MS + secrets.randbelow(RETRY_JITTER_MS)}\n\n")
                await self.follow(stream, asked, gone, send)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()

    def over(self, asked: Asked, gone: asyncio.Task[None]) -> bool:
        """Tell whether the client, the token or the process has gone."""
        return self.hub.closing or gone.done() or time.time() >= asked.identity.expires_at

    async def changed(
        self, stream: Stream, asked: Asked, gone: asyncio.Task[None], *, most: float = math.inf
    ) -> bool:
        """Wait for something to do; False when nothing happened for a heartbeat, or `most` seconds."""
        rest = max(0.0, asked.identity.expires_at - time.time())
        return await stream.wait(min(self.settings.heartbeat_seconds, most, rest), gone)


async def say(send: Send, text: str) -> None:
    """Send a part of the answer; waits while the client reads slowly."""
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
