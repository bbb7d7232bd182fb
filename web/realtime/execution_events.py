"""`GET /api/executions/:id/events`: an execution's timeline as a stream, until its end.

Redis only reports that there is something new. The entries come from the database, page by page: a
slow client delays no other, and a stream that resumes after a number repeats none.
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
from web.realtime.flask_bridge import BridgedRequest, Scope, Send
from web.realtime.hub import RealtimeListener
from web.realtime.sse import HEARTBEAT, EventStream, send_text
from web.routes.execution_timeline import entry_json

PATH = re.compile(r"/api/executions/[0-9A-Fa-f-]{36}/events")
PAGE_ENTRIES = 200
POLL_SECONDS_MAX = 5.0  # messages may be lost, and not every end of an execution publishes one


def is_execution_stream(scope: Scope) -> bool:
    """Tell whether a request is for the stream of an execution."""
    return scope["method"] == "GET" and PATH.fullmatch(scope["path"]) is not None


class ExecutionEventStream(EventStream):
    """Stream of an execution's timeline."""

    def start(self, listener: RealtimeListener, request: BridgedRequest, gaps: int) -> None:
        """Listen for one execution; the first page of entries covers what may have been missed."""
        listener.execution_id = str(request.context["execution_id"])
        listener.compared_gaps = gaps

    async def follow(
        self,
        listener: RealtimeListener,
        request: BridgedRequest,
        disconnect: asyncio.Task[None],
        send: Send,
    ) -> None:
        """Send new entries until the execution has ended, and then its status."""
        seq = request.context["seq"]
        while not self.is_over(request, disconnect):
            listener.wake_up.clear()
            needs_check = listener.security_events or listener.is_stale
            if needs_check and not await request.run(request.has_live_session):
                return
            listener.security_events, listener.compared_gaps = [], listener.gaps
            page = await request.run(request.run_query, _page_query(request, seq))
            for step in page.steps:
                seq = step.seq
                data = json.dumps(entry_json(step))
                await send_text(send, f"id: {seq}\nevent: step\ndata: {data}\n\n")
            if page.has_more:
                continue
            if page.status != "running":
                data = json.dumps({"status": page.status})
                await send_text(send, f"event: ended\ndata: {data}\n\n")
                return
            if not await self.wait(listener, request, disconnect, seconds_max=POLL_SECONDS_MAX):
                await send_text(send, HEARTBEAT)


def _page_query(request: BridgedRequest, seq: int) -> Callable[[Session], TimelinePage]:
    account_id, execution_id = request.identity.account_id, request.context["execution_id"]
    return lambda session: timeline.read(
        AccountScope(session, account_id, datetime.now(UTC)),
        execution_id,
        after=seq,
        limit=PAGE_ENTRIES,
    )
