"""Who is listening in this process, over one Redis connection for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from engine import audit
from engine.sync import notices

PAUSE_SECONDS = 1.0
EVENTS_MOST = 100  # kept for a slow reader; the audit trail has them all


@dataclass(eq=False, slots=True)
class Stream:
    """One open stream: a slow reader finds the newest notice only, as it says all the older ones said."""

    account_id: str
    agent_id: str
    notice: dict[str, Any] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)  # security events, oldest first
    stale: bool = True  # something may have been missed: compare with the database
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Hub:
    """Hands each notice of an account to those of its streams that it names."""

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

    def join(self, stream: Stream) -> None:
        """Hand the account's notices to the stream from now on."""
        self._streams[stream.account_id].add(stream)

    def leave(self, stream: Stream) -> None:
        """Forget the stream."""
        self._streams[stream.account_id].discard(stream)
        if not self._streams[stream.account_id]:
            del self._streams[stream.account_id]

    async def _run(self) -> None:
        once = Retry(NoBackoff(), 0)  # a reconnection behind our back would hide what was missed
        while True:
            try:
                async with Redis.from_url(self._redis_url, retry=once) as redis, redis.pubsub() as channels:
                    await channels.psubscribe(notices.channel("*"), audit.channel("*"))
                    self._each(_make_stale)
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
        kind, _, account_id = channel.partition(":")
        for stream in self._streams.get(account_id, ()):
            if f"{kind}:" == audit.channel(""):
                stream.events = [*stream.events[1 - EVENTS_MOST :], told]
            elif stream.agent_id in told:
                stream.notice = told[stream.agent_id]
            else:
                continue
            stream.changed.set()


def _make_stale(stream: Stream) -> None:
    stream.stale = True
