"""Who is listening in this process, over one Redis connection for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from engine import audit
from engine.sync import hints, notices
from web.live.heard import Heard

PAUSE_SECONDS = 1.0
EVENTS_MOST = 100  # kept for a slow reader; the audit trail has them all


@dataclass(eq=False, slots=True)
class Stream:
    """One listener: whoever reads slowly finds all that happened meanwhile as one notice."""

    account_id: str
    agent_id: str
    heard: Heard
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

    async def wait(self, seconds: float, gone: asyncio.Task[None]) -> bool:
        """Wait until something has changed or the client has gone; False when neither came in time."""
        changed = asyncio.create_task(self.changed.wait())
        done, _ = await asyncio.wait([changed, gone], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        return bool(done)

    def _hear(self, told: dict[str, Any], *, complete: bool) -> bool:
        return self.heard.hear(told["head"], told["types"], complete=complete)


TELL = {
    hints.channel(""): Stream.hint,
    notices.channel(""): Stream.notice,
    audit.channel(""): Stream.event,
}


class Hub:
    """Hands what is told of an account to its streams."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._streams: defaultdict[str, set[Stream]] = defaultdict(set)
        self._pump: asyncio.Task[None] | None = None
        self.closing = False

    def start(self) -> None:
        """Begin to listen."""
        self._pump = asyncio.create_task(self._run())  # a task without a reference may be collected

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
        self._each(lambda _stream: None)

    def count(self, account_id: str) -> int:
        """Return how many streams the account has open here."""
        return len(self._streams.get(account_id, ()))

    @contextlib.contextmanager
    def joined(self, stream: Stream) -> Iterator[Stream]:
        """Hand the stream what is told of its account while the body runs."""
        self._streams[stream.account_id].add(stream)
        try:
            yield stream
        finally:
            self._streams[stream.account_id].discard(stream)
            if not self._streams[stream.account_id]:
                del self._streams[stream.account_id]

    async def _run(self) -> None:
        once = Retry(NoBackoff(), 0)  # a reconnection behind our back would hide what was missed
        while True:
            try:
                async with Redis.from_url(self._redis_url, retry=once) as redis, redis.pubsub() as channels:
                    await channels.psubscribe(*(f"{prefix}*" for prefix in TELL))
                    self._each(_miss)
                    async for message in channels.listen():
                        if message["type"] == "pmessage":
                            self._hand_out(message["channel"].decode(), json.loads(message["data"]))
            except (RedisError, OSError) as fault:
                structlog.get_logger().warning("notices_interrupted", error=type(fault).__name__)
                await asyncio.sleep(PAUSE_SECONDS)

    def _each(self, change: Callable[[Stream], None]) -> None:
        for streams in self._streams.values():
            for stream in streams:
                change(stream)
                stream.changed.set()

    def _hand_out(self, channel: str, told: dict[str, Any]) -> None:
        prefix, _, account_id = channel.partition(":")
        tell = TELL[f"{prefix}:"]
        for stream in self._streams.get(account_id, ()):
            tell(stream, told)


def _miss(stream: Stream) -> None:
    stream.missed += 1
