"""`GET /api/sync/pull?wait=…`: a pull that waits on the event loop while its page is empty."""

from __future__ import annotations

import asyncio
import math
import time
from urllib.parse import parse_qs

from flask import Flask, Response

from engine.config.settings import Settings
from web.realtime.delivered import Heard
from web.realtime.flask_bridge import Asked, Receive, Scope, Send, disconnected, reply
from web.realtime.hub import Hub, Stream

PATH = "/api/sync/pull"


def asks_to_wait(scope: Scope) -> bool:
    """Tell whether a request is a pull that names a wait."""
    return (scope["method"], scope["path"]) == ("GET", PATH) and "wait" in _query(scope)


class Polls:
    """The ASGI application of pulls that wait: the page itself decides whether there is something to tell."""

    def __init__(self, app: Flask, settings: Settings, hub: Hub) -> None:
        self.app = app
        self.seconds_max = settings.pull_wait_seconds_max
        self.hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request as Flask does, though perhaps later."""
        asked = Asked.of(self.app, scope)
        answer = await asyncio.to_thread(asked.enter)
        if answer is None:
            answer = await self._pull(asked, _seconds(scope), receive)
        if answer is not None:
            await reply(answer, send)

    async def _pull(self, asked: Asked, seconds: float, receive: Receive) -> Response | None:
        """Return the first page that has states, or the one at the end; nothing when the client has gone."""
        who = asked.identity
        until = time.monotonic() + min(seconds, self.seconds_max, who.expires_at - time.time())
        stream = Stream(str(who.account_id), who.agent_id, Heard(""), own=True)
        gone = asyncio.create_task(disconnected(receive))
        try:
            async with self.hub.joined(
                stream
            ):  # before the first look: what happens after it is not missed
                while not gone.done():
                    answer, final = await self._look(stream, asked, until)
                    if final:
                        return answer
                    await self._changed(stream, until, gone)
                return None
        finally:
            gone.cancel()

    async def _look(self, stream: Stream, asked: Asked, until: float) -> tuple[Response, bool]:
        """Pull once; the page is final when it or the next one has states, or no time is left."""
        missed = stream.missed
        stream.changed.clear()
        stream.events.clear()
        stream.heard.take()
        last = self.hub.closing or time.monotonic() >= until

        def final(response: Response) -> bool:
            page = response.get_json()
            return last or bool(page["states"]) or page["hasMore"]

        answer, done = await asyncio.to_thread(asked.answer, final)
        if not done:
            stream.compared = missed
            stream.heard.forget(answer.get_json()["cursor"])
        return answer, done

    async def _changed(self, stream: Stream, until: float, gone: asyncio.Task[None]) -> None:
        """Wait until a pull may find something, or the time or the client goes."""
        while not (stream.heard.fresh or stream.events or stream.stale or self.hub.closing):
            stream.changed.clear()
            if not await stream.wait(max(0.0, until - time.monotonic()), gone) or gone.done():
                return


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("latin1"), keep_blank_values=True)


def _seconds(scope: Scope) -> float:
    """Return how long to wait; the route refuses what is no such time."""
    try:
        seconds = float(_query(scope)["wait"][0])
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
