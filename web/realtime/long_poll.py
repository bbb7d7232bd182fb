"""`GET /api/sync/pull?wait=…`: a pull that waits on the event loop while its page is empty."""

from __future__ import annotations

import asyncio
import math
import time
from urllib.parse import parse_qs

from flask import Flask, Response

from engine.config.settings import Settings
from web.realtime.fair_threads import FairThreads
from web.realtime.flask_bridge import (
    BridgedRequest,
    Receive,
    Scope,
    Send,
    send_response,
    wait_for_disconnect,
)
from web.realtime.hub import Hub, RealtimeListener

PATH = "/api/sync/pull"


def is_long_poll(scope: Scope) -> bool:
    """Tell whether a request is a pull with the parameter `wait`."""
    return (scope["method"], scope["path"]) == ("GET", PATH) and "wait" in _query(scope)


class LongPoll:
    """ASGI application of pulls that wait; the page decides whether there is anything to answer."""

    def __init__(self, app: Flask, settings: Settings, threads: FairThreads, hub: Hub) -> None:
        self.app = app
        self.threads = threads
        self.seconds_max = settings.pull_wait_seconds_max
        self.hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as Flask does, but later."""
        request = BridgedRequest.from_scope(self.app, scope)
        response = await self.threads.run(scope, request.run_hooks)
        if response is None:
            response = await self._pull(request, _seconds(scope), receive)
        if response is not None:
            await send_response(response, send)

    async def _pull(
        self, request: BridgedRequest, seconds: float, receive: Receive
    ) -> Response | None:
        """Return the first page with states, or the last one; nothing when the client has left."""
        identity = request.identity
        token_seconds = identity.expires_at - time.time()
        deadline = time.monotonic() + min(seconds, self.seconds_max, token_seconds)
        listener = RealtimeListener(str(identity.account_id), identity.agent_id, includes_own=True)
        disconnect = asyncio.create_task(wait_for_disconnect(receive))
        try:
            # It listens before the first page is read, so that no later change is missed.
            async with self.hub.listen(listener):
                while not disconnect.done():
                    response, is_final = await self._read_page(listener, request, deadline)
                    if is_final:
                        return response
                    await self._wait(listener, deadline, disconnect)
                return None
        finally:
            disconnect.cancel()

    async def _read_page(
        self, listener: RealtimeListener, request: BridgedRequest, deadline: float
    ) -> tuple[Response, bool]:
        """Pull once; the page is final when it or the next one has states, or no time is left."""
        gaps = listener.gaps
        listener.wake_up.clear()
        listener.security_events.clear()
        listener.changes.take_notification()
        is_last = self.hub.closing or time.monotonic() >= deadline

        def is_final(response: Response) -> bool:
            page = response.get_json()
            return is_last or bool(page["states"]) or page["hasMore"]

        response, has_ended = await asyncio.to_thread(request.call_route, is_final)
        if not has_ended:
            listener.compared_gaps = gaps
            listener.changes.skip_to(response.get_json()["cursor"])
        return response, has_ended

    async def _wait(
        self, listener: RealtimeListener, deadline: float, disconnect: asyncio.Task[None]
    ) -> None:
        """Wait until a pull may find states, the time is over or the client has left."""
        while not (
            listener.changes.pending_types
            or listener.security_events
            or listener.is_stale
            or self.hub.closing
        ):
            listener.wake_up.clear()
            seconds = max(0.0, deadline - time.monotonic())
            if not await listener.wait(seconds, disconnect) or disconnect.done():
                return


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("latin1"), keep_blank_values=True)


def _seconds(scope: Scope) -> float:
    """Return the parameter `wait`, or 0 for a value that the route will refuse."""
    try:
        seconds = float(_query(scope)["wait"][0])
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
