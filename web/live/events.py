"""`GET /api/sync/events`: the account's notices as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from flask import Flask

from engine.settings import Settings
from web.live.door import Refused, Visitor, admit, compare, still_in
from web.live.hub import Hub, Stream

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH = "/api/sync/events"
RETRY_MS = 1_000
RETRY_JITTER_MS = 4_000  # so that a restarted process is not met by all its clients at once
UNBUFFERED = (b"x-accel-buffering", b"no")  # what nginx would hold back


class Events:
    """The ASGI application of the one path; `hub` is told when the process stops."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.hub = Hub(settings.need("redis_url"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: a stream, or a problem."""
        try:
            visitor = await asyncio.to_thread(admit, self.app, scope)
            if self.hub.count(str(visitor.account_id)) >= self.settings.streams_per_account_max:
                raise Refused.too_many_streams(self.app, self.settings.streams_per_account_max)
        except Refused as refused:
            await refused.send(send)
            return
        stream = Stream(str(visitor.account_id), visitor.agent_id)
        self.hub.join(stream)  # before comparing: what happens between the two is not missed
        gone = asyncio.create_task(_disconnected(receive))
        try:
            headers = [pair for pair in visitor.headers if pair[0] != b"content-length"] + [UNBUFFERED]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._follow(stream, visitor, gone, send)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self.hub.leave(stream)

    async def _follow(self, stream: Stream, visitor: Visitor, gone: asyncio.Task[None], send: Send) -> None:
        """Send notices and heartbeats until the client, the token or the process goes."""
        retry_ms = RETRY_MS + secrets.randbelow(RETRY_JITTER_MS)
        await _say(send, f"retry: {retry_ms}\n\n")
        since = visitor.since
        while not (self.hub.closing or gone.done() or time.time() >= visitor.expires_at):
            stream.changed.clear()
            if (stream.events or stream.stale) and not await self._goes_on(stream, visitor, send):
                return
            notice, stream.notice = stream.notice, None
            if stream.stale:
                # A notice that came meanwhile tells of the last change; the database tells of all.
                stream.stale = False
                notice = await asyncio.to_thread(compare, self.app, visitor, since) or notice
            if notice is not None:
                if str(notice["head"]) <= since:
                    continue  # it was on its way while the database told the same
                since = str(notice["head"])
                await _say(send, f"id: {since}\ndata: {json.dumps(notice)}\n\n")
            elif not await self._changed(stream, visitor, gone):
                await _say(send, ": still here\n\n")

    async def _goes_on(self, stream: Stream, visitor: Visitor, send: Send) -> bool:
        """Tell the client what happened to its account, unless that has ended its own session."""
        events, stream.events = stream.events, []
        if not await asyncio.to_thread(still_in, self.app, visitor):
            return False
        for event in events:
            if event["sessionId"] != str(visitor.session_id):
                await _say(send, f"event: security\ndata: {json.dumps(event)}\n\n")
        return True

    async def _changed(self, stream: Stream, visitor: Visitor, gone: asyncio.Task[None]) -> bool:
        """Wait for something to do; False when nothing happened for a heartbeat."""
        seconds = min(self.settings.heartbeat_seconds, max(0.0, visitor.expires_at - time.time()))
        changed = asyncio.create_task(stream.changed.wait())
        done, _ = await asyncio.wait([changed, gone], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        return bool(done)


async def _say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
