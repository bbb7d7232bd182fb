"""Server-sent events (WHATWG HTML, section 9.2): the common part of all event streams."""

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
from web.realtime.fair_threads import FairThreads
from web.realtime.flask_bridge import (
    BridgedRequest,
    Receive,
    Scope,
    Send,
    asgi_headers,
    send_response,
    wait_for_disconnect,
)
from web.realtime.hub import Hub, RealtimeListener
from web.realtime.stream_quota import StreamQuota

RETRY_MS = 1_000
RETRY_JITTER_MS = 4_000  # so that not all clients reconnect to a restarted process at once
UNBUFFERED = (b"x-accel-buffering", b"no")  # so that nginx does not buffer the stream
HEARTBEAT = ": still here\n\n"


class EventStream(ABC):
    """ASGI application of one path, whose Flask route checks requests and starts answers."""

    def __init__(
        self, app: Flask, settings: Settings, threads: FairThreads, hub: Hub, quota: StreamQuota
    ) -> None:
        self.app = app
        self.threads = threads
        self.settings = settings
        self.hub = hub
        self.quota = quota

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with a stream or a problem."""
        request = BridgedRequest.from_scope(self.app, scope)
        problem = await self.threads.run(scope, request.run_hooks)
        if problem is not None:
            await send_response(problem, send)
            return
        account_id = str(request.identity.account_id)
        stream_id = await self.quota.acquire(account_id)
        if stream_id is None:
            metrics.REFUSALS.labels("streams").inc()
            detail = f"An account may have {self.quota.streams_max} live streams open."
            error = LimitedError(detail, retry_seconds=30, code="too_many_streams")
            await send_response(await asyncio.to_thread(request.make_problem, error), send)
            return
        try:
            await self._open(request, receive, send)
        finally:
            await self.quota.release(account_id, stream_id)

    @abstractmethod
    def start(self, listener: RealtimeListener, request: BridgedRequest, gaps: int) -> None:
        """Prepare the listener from the route's context; `gaps` is its value before the route."""

    @abstractmethod
    async def follow(
        self,
        listener: RealtimeListener,
        request: BridgedRequest,
        disconnect: asyncio.Task[None],
        send: Send,
    ) -> None:
        """Send events until the stream has ended."""

    async def _open(self, request: BridgedRequest, receive: Receive, send: Send) -> None:
        """Send the route's answer, and then the stream unless it is a problem."""
        identity = request.identity
        listener = RealtimeListener(str(identity.account_id), identity.agent_id)
        disconnect = asyncio.create_task(wait_for_disconnect(receive))
        try:
            # It listens before the route reads the head, so that no later change is missed.
            async with self.hub.listen(listener):
                gaps = listener.gaps
                response, _ = await asyncio.to_thread(request.call_route)
                if response.status_code != http.HTTPStatus.OK:
                    await send_response(response, send)
                    return
                self.start(listener, request, gaps)
                headers = [pair for pair in asgi_headers(response) if pair[0] != b"content-length"]
                headers.append(UNBUFFERED)
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send_text(send, f"retry: {RETRY_MS + secrets.randbelow(RETRY_JITTER_MS)}\n\n")
                await self.follow(listener, request, disconnect, send)
            if not disconnect.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            disconnect.cancel()

    def is_over(self, request: BridgedRequest, disconnect: asyncio.Task[None]) -> bool:
        """Tell whether the client has left, its token has expired or the process stops."""
        has_expired = time.time() >= request.identity.expires_at
        return self.hub.closing or disconnect.done() or has_expired

    async def wait(
        self,
        listener: RealtimeListener,
        request: BridgedRequest,
        disconnect: asyncio.Task[None],
        *,
        seconds_max: float = math.inf,
    ) -> bool:
        """Wait for a message; return False when none came for a heartbeat or `seconds_max`."""
        token_seconds = max(0.0, request.identity.expires_at - time.time())
        seconds = min(self.settings.heartbeat_seconds, seconds_max, token_seconds)
        return await listener.wait(seconds, disconnect)


async def send_text(send: Send, text: str) -> None:
    """Send a part of the answer; it waits while a slow client's buffer is full."""
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
