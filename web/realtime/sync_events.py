"""`GET /api/sync/events`: the account's notices as server-sent events."""

from __future__ import annotations

import asyncio
import json

from web.realtime.flask_bridge import Asked, Send
from web.realtime.hub import Stream
from web.realtime.sse import Streaming, say

PATH = "/api/sync/events"


class Events(Streaming):
    """The ASGI application of the one path."""

    def begin(self, stream: Stream, asked: Asked, missed: int) -> None:
        """Hear from where the client has been told."""
        stream.heard.forget(asked.kept["since"])
        if not asked.kept["behind"]:
            stream.compared = missed

    async def follow(
        self, stream: Stream, asked: Asked, gone: asyncio.Task[None], send: Send
    ) -> None:
        """Send notices and heartbeats until the client, the token or the process goes."""
        while not self.over(asked, gone):
            stream.changed.clear()
            if (stream.events or stream.stale) and not await self._goes_on(stream, asked, send):
                return
            if stream.stale:
                await self._compare(stream, asked)
            notice = stream.heard.take()
            if notice is not None:
                await say(send, f"id: {notice['head']}\ndata: {json.dumps(notice)}\n\n")
            elif not await self.changed(stream, asked, gone):
                await say(send, ": still here\n\n")
                if not self.hub.hears(
                    stream.account_id
                ):  # Redis is away: the database alone can tell
                    stream.missed += 1

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
                await say(send, f"event: security\ndata: {json.dumps(event)}\n\n")
        return True
