"""Hub: hands the Redis messages of an account to the account's listeners in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from engine.accounts import audit_log
from engine.observability import metrics
from engine.sync import notifications
from engine.workflows.executions import timeline
from web.realtime.change_tracker import ChangeTracker
from web.realtime.redis_pubsub import RedisPubSub

CONFIRMATION_SECONDS_MAX = 1.0  # without a confirmation by then, the listener compares again later
SECURITY_EVENTS_MAX = 100  # stored for a slow client; the audit log has them all


@dataclass(eq=False, slots=True)
class RealtimeListener:
    """Stream or long poll that waits for messages; a slow one finds them merged into one."""

    account_id: str
    agent_id: str
    changes: ChangeTracker = field(default_factory=lambda: ChangeTracker(""))
    execution_id: str = ""  # that a stream follows
    includes_own: bool = False  # changes of its own agent
    security_events: list[dict[str, Any]] = field(default_factory=list)  # oldest first
    gaps: int = 1  # how often messages may have been missed
    compared_gaps: int = 0  # of these, how many a comparison with the database has closed
    wake_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_stale(self) -> bool:
        """Tell whether messages may have been missed since the last comparison."""
        return self.gaps != self.compared_gaps

    def on_hint(self, message: dict[str, Any]) -> None:
        """Handle the hint of one change."""
        if self.includes_own or message["by"] != self.agent_id:
            self._add(message, is_complete=False)

    def on_notification(self, message: dict[str, Any]) -> None:
        """Handle a broadcast: it covers all changes since the last one, which may be missing."""
        if self.agent_id in message:
            self._add(message[self.agent_id], is_complete=not self.is_stale)

    def on_security_event(self, message: dict[str, Any]) -> None:
        """Handle an event of the account's audit log."""
        self.security_events = [*self.security_events[1 - SECURITY_EVENTS_MAX :], message]
        self.wake_up.set()

    def on_progress(self, message: dict[str, Any]) -> None:
        """Handle the progress of an execution."""
        if message["executionId"] == self.execution_id:
            self.wake_up.set()

    async def wait(self, seconds: float, disconnect: asyncio.Task[None]) -> bool:
        """Wait for a message or the client's disconnect; return False after `seconds` without."""
        wake_up = asyncio.create_task(self.wake_up.wait())
        tasks, _ = await asyncio.wait(
            [wake_up, disconnect], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        wake_up.cancel()
        return bool(tasks)

    def _add(self, change: dict[str, Any], *, is_complete: bool) -> None:
        if self.changes.add(change["head"], change["types"], is_complete=is_complete):
            self.wake_up.set()


HANDLERS = {  # by the prefix of the channel
    notifications.hint_channel(""): RealtimeListener.on_hint,
    notifications.channel(""): RealtimeListener.on_notification,
    timeline.channel(""): RealtimeListener.on_progress,
    audit_log.channel(""): RealtimeListener.on_security_event,
}
LAST_PREFIX = audit_log.channel("")  # of the account's channel that is confirmed last


class Hub:
    """Listeners of this process, by account; it subscribes to the channels of those accounts only.

    Messages may be missed between a listener's start and Redis' confirmation. So each confirmation,
    also a later one after a break, makes the account's listeners compare with the database.
    """

    def __init__(self, redis_url: str) -> None:
        self._listeners: defaultdict[str, set[RealtimeListener]] = defaultdict(set)
        self._confirmations: dict[str, asyncio.Event] = {}  # by account
        self._pubsub = RedisPubSub(redis_url, self)
        self._task: asyncio.Task[None] | None = None
        self.closing = False

    def start(self) -> None:
        """Start to read from Redis."""
        # Without a reference to it, Python may collect a task.
        self._task = asyncio.create_task(self._pubsub.run())

    async def stop(self) -> None:
        """Close the hub and its connection."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def close(self) -> None:
        """Wake all listeners so that they end; clients reconnect to another process."""
        self.closing = True
        for account_id in self._listeners:
            self._wake(account_id)

    def is_confirmed(self, account_id: str) -> bool:
        """Tell whether every message of an account with listeners arrives here."""
        return self._confirmations[account_id].is_set()

    @contextlib.asynccontextmanager
    async def listen(self, listener: RealtimeListener) -> AsyncIterator[None]:
        """Hand messages to the listener while the body runs."""
        account_id = listener.account_id
        self._listeners[account_id].add(listener)
        gauge = metrics.STREAMS_OPEN.labels("pull" if listener.includes_own else "stream")
        gauge.inc()
        try:
            await self._subscribe(account_id)
            yield
        finally:
            gauge.dec()
            self._listeners[account_id].discard(listener)
            if not self._listeners[account_id]:
                del self._listeners[account_id], self._confirmations[account_id]
                self._pubsub.unsubscribe(_channels(account_id))

    async def _subscribe(self, account_id: str) -> None:
        """Subscribe to the account's channels, and wait for the confirmation if Redis is there."""
        if account_id not in self._confirmations:
            self._confirmations[account_id] = asyncio.Event()
            self._pubsub.subscribe(_channels(account_id))
        if self._pubsub.is_connected:
            confirmation = self._confirmations[account_id].wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(confirmation, CONFIRMATION_SECONDS_MAX)

    def on_message(self, channel: str, data: bytes) -> None:
        """Hand a message to the account's listeners."""
        prefix, _, account_id = channel.partition(":")
        handle, message = HANDLERS[f"{prefix}:"], json.loads(data)
        for listener in self._listeners.get(account_id, ()):
            handle(listener, message)

    def on_subscribed(self, channel: str) -> None:
        """Make an account's listeners compare, once its last channel is confirmed."""
        prefix, _, account_id = channel.partition(":")
        if f"{prefix}:" == LAST_PREFIX and account_id in self._listeners:
            for listener in self._listeners[account_id]:
                listener.gaps += 1
            self._wake(account_id)
            self._confirmations[account_id].set()

    def on_disconnected(self) -> None:
        """Wait for new confirmations of all accounts."""
        for confirmation in self._confirmations.values():
            confirmation.clear()

    def _wake(self, account_id: str) -> None:
        for listener in self._listeners[account_id]:
            listener.wake_up.set()


def _channels(account_id: str) -> list[str]:
    return [f"{prefix}{account_id}" for prefix in HANDLERS]
