"""Who is listening in this process, over one Redis connection for all of them."""

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
from web.realtime.delivered import Heard
from web.realtime.redis_pubsub import Wire

CONFIRMED_SECONDS_MAX = (
    1.0  # how long a stream waits to be heard of; without that it is compared later
)
EVENTS_MOST = 100  # kept for a slow reader; the audit trail has them all


@dataclass(eq=False, slots=True)
class Stream:
    """One listener: whoever reads slowly finds all that happened meanwhile as one notice."""

    account_id: str
    agent_id: str
    heard: Heard
    execution_id: str = ""  # which it follows
    own: bool = False  # hears of its own agent's changes too
    events: list[dict[str, Any]] = field(default_factory=list)  # security events, oldest first
    missed: int = 1  # how often something may have been missed
    compared: int = 0  # up to which of these the database has been asked
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def stale(self) -> bool:
        """Tell whether something may have been missed that the database has not been asked for."""
        return self.missed != self.compared

    def hint(self, told: dict[str, Any]) -> None:
        """Hear of one change, of another agent's unless own ones count."""
        if (self.own or told["by"] != self.agent_id) and self._hear(told, complete=False):
            self.changed.set()

    def notice(self, told: dict[str, Any]) -> None:
        """Hear of all changes since the last notice, which may itself have been missed."""
        if self.agent_id in told and self._hear(told[self.agent_id], complete=not self.stale):
            self.changed.set()

    def event(self, told: dict[str, Any]) -> None:
        """Hear of what happened to the account's security."""
        self.events = [*self.events[1 - EVENTS_MOST :], told]
        self.changed.set()

    def progress(self, told: dict[str, Any]) -> None:
        """Hear that an execution has gone on."""
        if told["executionId"] == self.execution_id:
            self.changed.set()

    async def wait(self, seconds: float, gone: asyncio.Task[None]) -> bool:
        """Wait until something has changed or the client has gone; False when neither came in time."""
        changed = asyncio.create_task(self.changed.wait())
        done, _ = await asyncio.wait(
            [changed, gone], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        changed.cancel()
        return bool(done)

    def _hear(self, told: dict[str, Any], *, complete: bool) -> bool:
        return self.heard.hear(told["head"], told["types"], complete=complete)


TELL = {
    notifications.hint_channel(""): Stream.hint,
    notifications.channel(""): Stream.notice,
    timeline.channel(""): Stream.progress,
    audit_log.channel(""): Stream.event,
}
LAST = audit_log.channel("")  # of an account's channels to be confirmed


class Hub:
    """Hands what is told of an account to its streams, and asks for what is told of those accounts alone.

    Of what is told between a stream's joining and Redis' confirmation something may be missed: whenever an
    account is confirmed, be it again, its streams are due to ask the database.
    """

    def __init__(self, redis_url: str) -> None:
        self._streams: defaultdict[str, set[Stream]] = defaultdict(set)
        self._confirmed: dict[str, asyncio.Event] = {}  # by account
        self._wire = Wire(redis_url, self)
        self._pump: asyncio.Task[None] | None = None
        self.closing = False

    def start(self) -> None:
        """Begin to listen."""
        self._pump = asyncio.create_task(
            self._wire.run()
        )  # a task without a reference may be collected

    async def stop(self) -> None:
        """End every stream and the connection."""
        self.close()
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump

    def close(self) -> None:
        """Tell every stream to end; clients come back to another process."""
        self.closing = True
        for account_id in self._streams:
            self._wake(account_id)

    def count(self, account_id: str) -> int:
        """Return how many streams the account has open here."""
        return len(self._streams.get(account_id, ()))

    def hears(self, account_id: str) -> bool:
        """Tell whether all that is told of an account with streams reaches them."""
        return self._confirmed[account_id].is_set()

    @contextlib.asynccontextmanager
    async def joined(self, stream: Stream) -> AsyncIterator[Stream]:
        """Hand the stream what is told of its account while the body runs."""
        account_id = stream.account_id
        self._streams[account_id].add(stream)
        gauge = metrics.STREAMS_OPEN.labels("pull" if stream.own else "stream")
        gauge.inc()
        try:
            await self._enter(account_id)
            yield stream
        finally:
            gauge.dec()
            self._streams[account_id].discard(stream)
            if not self._streams[account_id]:
                del self._streams[account_id], self._confirmed[account_id]
                self._wire.drop(_channels(account_id))

    async def _enter(self, account_id: str) -> None:
        """Wait until Redis has confirmed that it tells us of the account, if it is there."""
        if account_id not in self._confirmed:
            self._confirmed[account_id] = asyncio.Event()
            self._wire.want(_channels(account_id))
        if self._wire.connected:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._confirmed[account_id].wait(), CONFIRMED_SECONDS_MAX)

    def heard(self, channel: str, data: bytes) -> None:
        """Hand what is told of an account to its streams."""
        prefix, _, account_id = channel.partition(":")
        tell, told = TELL[f"{prefix}:"], json.loads(data)
        for stream in self._streams.get(account_id, ()):
            tell(stream, told)

    def confirmed(self, channel: str) -> None:
        """Have an account's streams ask for what they may have missed, once its last channel is heard."""
        prefix, _, account_id = channel.partition(":")
        if f"{prefix}:" == LAST and account_id in self._streams:
            for stream in self._streams[account_id]:
                stream.missed += 1
            self._wake(account_id)
            self._confirmed[account_id].set()

    def lost(self) -> None:
        """Take in that no account is heard of until it is confirmed again."""
        for confirmed in self._confirmed.values():
            confirmed.clear()

    def _wake(self, account_id: str) -> None:
        for stream in self._streams[account_id]:
            stream.changed.set()


def _channels(account_id: str) -> list[str]:
    return [f"{prefix}{account_id}" for prefix in TELL]
