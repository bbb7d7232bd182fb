"""How many streams each account has open: counted on Redis, for all web processes together.

A place is kept by renewing it; those of a process that died are free again after a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import defaultdict
from typing import Any

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_SECONDS_MAX = 0.25
RENEWALS = 3  # in the time that a place lasts

# KEYS[1]: the account's places, by when they end. ARGV: how long they last, how many there may be, and
# the places to take or to keep. Answers how many of these are held now.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now))
local room = tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[1])
local held = 0
for i = 3, #ARGV do
  local known = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if known or room > 0 then
    if not known then room = room - 1 end
    redis.call('ZADD', KEYS[1], string.format('%.6f', now + ARGV[1]), ARGV[i])
    held = held + 1
  end
end
redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[1]) + 1)
return held
"""


class Places:
    """The places of this process' streams; without Redis each process counts its own."""

    def __init__(self, redis_url: str, *, most: int, seconds: float) -> None:
        self.most = most
        self._seconds = seconds
        self._held: defaultdict[str, set[str]] = defaultdict(set)
        self._renewal: asyncio.Task[None] | None = None
        # One connection, for which callers wait: opening a thousand streams at once opens no more.
        pool = BlockingConnectionPool.from_url(
            redis_url,
            max_connections=1,
            timeout=5,
            socket_timeout=REDIS_SECONDS_MAX,
            socket_connect_timeout=REDIS_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis.from_pool(pool)
        self._script = self._redis.register_script(SCRIPT)

    def start(self) -> None:
        """Begin to renew."""
        self._renewal = asyncio.create_task(self._renew())

    async def stop(self) -> None:
        """End the renewals and the connection."""
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal
        await self._redis.aclose()

    async def take(self, account_id: str) -> str | None:
        """Return a new place of the account, or nothing when all are taken."""
        place = secrets.token_hex(8)
        try:
            held = bool(await self._hold(account_id, [place], self._redis))
        except RedisError as fault:
            structlog.get_logger().warning("streams_counted_here", error=type(fault).__name__)
            held = len(self._held.get(account_id, ())) < self.most
        if not held:
            return None
        self._held[account_id].add(place)
        return place

    async def leave(self, account_id: str, place: str) -> None:
        """Give a place back."""
        self._held[account_id].discard(place)
        if not self._held[account_id]:
            del self._held[account_id]
        with contextlib.suppress(RedisError):  # it ends by itself
            await self._redis.zrem(_key(account_id), place)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / RENEWALS)
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for account_id, places in list(self._held.items()):
                        await self._hold(account_id, sorted(places), pipeline)
                    await pipeline.execute()
            except (RedisError, OSError) as fault:
                structlog.get_logger().warning("places_not_renewed", error=type(fault).__name__)

    def _hold(self, account_id: str, places: list[str], client: Any) -> Any:
        args: list[str | float] = [self._seconds, self.most, *places]
        return self._script(keys=[_key(account_id)], args=args, client=client)


def _key(account_id: str) -> str:
    return f"streams:{account_id}"
