"""`GET /api/sync/events`: the account's change notifications and security events as a stream."""

from __future__ import annotations

import asyncio
import json

from web.realtime.flask_bridge import BridgedRequest, Scope, Send
from web.realtime.hub import RealtimeListener
from web.realtime.sse import HEARTBEAT, EventStream, send_text

PATH = "/api/sync/events"


def is_sync_stream(scope: Scope) -> bool:
    """Tell whether a request is for the stream of change notifications."""
    return (scope["method"], scope["path"]) == ("GET", PATH)


class SyncEventStream(EventStream):
    """Stream of change notifications."""

    def start(self, listener: RealtimeListener, request: BridgedRequest, gaps: int) -> None:
        """Begin after the last change that the client has received."""
        listener.changes.skip_to(request.context["since"])
        if not request.context["behind"]:
            listener.compared_gaps = gaps

    async def follow(
        self,
        listener: RealtimeListener,
        request: BridgedRequest,
        disconnect: asyncio.Task[None],
        send: Send,
    ) -> None:
        """Send notifications and heartbeats until the client leaves or its session ends."""
        while not self.is_over(request, disconnect):
            listener.wake_up.clear()
            if (listener.security_events or listener.is_stale) and not (
                await self._send_security_events(listener, request, send)
            ):
                return
            if listener.is_stale:
                await self._compare(listener, request)
            notification = listener.changes.take_notification()
            if notification is not None:
                data = json.dumps(notification)
                await send_text(send, f"id: {notification['head']}\ndata: {data}\n\n")
            elif not await self.wait(listener, request, disconnect):
                await send_text(send, HEARTBEAT)
                if not self.hub.is_confirmed(listener.account_id):
                    listener.gaps += 1  # without Redis, each heartbeat compares with the database

    async def _compare(self, listener: RealtimeListener, request: BridgedRequest) -> None:
        """Add the changes that may have been missed, from the database."""
        gaps = listener.gaps
        changes = await request.run(request.find_changes, listener.changes.floor)
        if changes is not None:
            listener.changes.add(changes["head"], changes["types"], is_complete=True)
        listener.compared_gaps = gaps

    async def _send_security_events(
        self, listener: RealtimeListener, request: BridgedRequest, send: Send
    ) -> bool:
        """Send other sessions' security events; return False when this session has ended."""
        events, listener.security_events = listener.security_events, []
        if not await request.run(request.has_live_session):
            return False
        for event in events:
            if event["sessionId"] != str(request.identity.session_id):
                await send_text(send, f"event: security\ndata: {json.dumps(event)}\n\n")
        return True
