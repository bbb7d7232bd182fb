"""`GET /api/executions/:id/events`: the steps of an execution as server-sent events, until it has ended.

Redis only hints that there is something: what is sent comes from the database, a page at a time, so that who
reads slowly holds up nobody, and a stream that goes on after a number tells what follows it and no more.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from engine.store.account_scope import AccountScope
from engine.workflows.executions import timeline
from engine.workflows.executions.timeline import TimelinePage
from web.realtime.flask_bridge import Asked, Scope, Send
from web.realtime.hub import Stream
from web.realtime.sse import Streaming, say
from web.routes.execution_timeline import told

PATH = re.compile(r"/api/executions/[0-9A-Fa-f-]{36}/events")
PAGE = 200
LOOK_SECONDS_MAX = 5.0  # between two looks: hints may be lost, and not every end is hinted at


def follows(scope: Scope) -> bool:
    """Tell whether a request asks for an execution's stream."""
    return scope["method"] == "GET" and PATH.fullmatch(scope["path"]) is not None


class Progress(Streaming):
    """The ASGI application of these paths."""

    def begin(self, stream: Stream, asked: Asked, missed: int) -> None:
        """Hear of one execution; what may be missed is asked for in any case."""
        stream.execution_id = str(asked.kept["execution_id"])
        stream.compared = missed

    async def follow(
        self, stream: Stream, asked: Asked, gone: asyncio.Task[None], send: Send
    ) -> None:
        """Send what happens to steps until the execution has ended, and that it has."""
        seq = asked.kept["seq"]
        while not self.over(asked, gone):
            stream.changed.clear()
            if (stream.events or stream.stale) and not await asyncio.to_thread(asked.still_in):
                return
            stream.events, stream.compared = [], stream.missed
            page = await asyncio.to_thread(asked.looked, _since(asked, seq))
            for step in page.steps:
                seq = step.seq
                await say(send, f"id: {seq}\nevent: step\ndata: {json.dumps(told(step))}\n\n")
            if page.has_more:
                continue
            if page.status != "running":
                await say(send, f"event: ended\ndata: {json.dumps({'status': page.status})}\n\n")
                return
            if not await self.changed(stream, asked, gone, most=LOOK_SECONDS_MAX):
                await say(send, ": still here\n\n")


def _since(asked: Asked, seq: int) -> Callable[[Session], TimelinePage]:
    account_id, execution_id = asked.identity.account_id, asked.kept["execution_id"]
    return lambda session: timeline.read(
        AccountScope(session, account_id, datetime.now(UTC)), execution_id, after=seq, limit=PAGE
    )
