"""`GET /api/sync/events`: the account's notices as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import http
import json
import secrets
import time

from flask import Flask

from engine.settings import Settings
from web.live.door import Asked, Receive, Scope, Send, disconnected, headers_of, reply
from web.live.heard import Heard
from web.live.hub import Hub, Stream
from web.live.places import Places
from web.problems import LimitedError

PATH = "/api/sync/events"
RETRY_MS = 1_000
RETRY_JITTER_MS = 4_000  # so that a restarted process is not met by all its clients at once
UNBUFFERED = (b"x-accel-buffering", b"no")  # what nginx would hold back


class Events:
    """The ASGI application of the one path."""

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
            detail = f"An account may have {self.places.most} live streams open."
            error = LimitedError(detail, retry_seconds=30, code="too_many_streams")
            await reply(await asyncio.to_thread(asked.refuse, error), send)
            return
        try:
            await self._open(asked, receive, send)
        finally:
            await self.places.leave(account_id, place)

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
                stream.heard.forget(asked.kept["since"])
                if not asked.kept["behind"]:
                    stream.compared = missed
                headers = [pair for pair in headers_of(answer) if pair[0] != b"content-length"]
                start = {"type": "http.response.start", "status": 200, "headers": [*headers, UNBUFFERED]}
                await send(start)
                await self._follow(stream, asked, gone, send)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()

    async def _follow(self, stream: Stream, asked: Asked, gone: asyncio.Task[None], send: Send) -> None:
        """Send notices and heartbeats until the client, the token or the process goes."""
        retry_ms = RETRY_MS + secrets.randbelow(RETRY_JITTER_MS)
        await _say(send, f"retry: {retry_ms}\n\n")
        expires_at = asked.identity.expires_at
        while not (self.hub.closing or gone.done() or time.time() >= expires_at):
            stream.changed.clear()
            if (stream.events or stream.stale) and not await self._goes_on(stream, asked, send):
                return
            if stream.stale:
                await self._compare(stream, asked)
            notice = stream.heard.take()
            if notice is not None:
                await _say(send, f"id: {notice['head']}\ndata: {json.dumps(notice)}\n\n")
            elif not await self._changed(stream, expires_at, gone):
                await _say(send, ": still here\n\n")

    async def _compare(self, stream: Stream, asked: Asked) -> None:
        """Hear from the database what may have been missed."""
        missed = stream.missed
        news = await asyncio.to_thread(asked.news, stream.heard.floor)
        if news is not None:
            stream.heard.hear(news["head"], news["types"], complete=True)
        stream.compared = missed

    async def _goes_on(self, stream: Stream, asked: Asked, send: Send) -> bool:
        """Tell the client what happened to its account, unless that has ended its own session."""
        events, stream.events = stream.events, []
        if not await asyncio.to_thread(asked.still_in):
            return False
        for event in events:
            if event["sessionId"] != str(asked.identity.session_id):
                await _say(send, f"event: security\ndata: {json.dumps(event)}\n\n")
        return True

    async def _changed(self, stream: Stream, expires_at: int, gone: asyncio.Task[None]) -> bool:
        """Wait for something to do; False when nothing happened for a heartbeat."""
        seconds = min(self.settings.heartbeat_seconds, max(0.0, expires_at - time.time()))
        return await stream.wait(seconds, gone)


async def _say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
