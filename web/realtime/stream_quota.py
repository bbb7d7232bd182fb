"""Stream quota: counts each account's open streams on Redis, over all web processes.

A process renews the ids of its open streams; those of a process that has died expire.
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
RENEWALS = 3  # before a stream id expires

# KEYS[1]: sorted set of the account's stream ids, by their expiry. ARGV: seconds to the expiry, the
# largest number of streams, and the ids to add or renew. Returns how many of these are in the set.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now))
local room = tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[1])
local count = 0
for i = 3, #ARGV do
  local expiry = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if expiry or room > 0 then
    if not expiry then room = room - 1 end
    redis.call('ZADD', KEYS[1], string.format('%.6f', now + ARGV[1]), ARGV[i])
    count = count + 1
  end
end
redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[1]) + 1)
return count
"""


class StreamQuota:
    """Open streams of this process; without Redis each process counts only its own."""

    def __init__(self, redis_url: str, *, streams_max: int, seconds: float) -> None:
        self.streams_max = streams_max
        self._seconds = seconds
        self._stream_ids: defaultdict[str, set[str]] = defaultdict(set)  # by account
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
        """Start the renewals."""
        self._renewal = asyncio.create_task(self._renew())

    async def stop(self) -> None:
        """Stop the renewals and close the connection."""
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal
        await self._redis.aclose()

    async def acquire(self, account_id: str) -> str | None:
        """Return the id of a new stream of the account, or nothing when the quota is used up."""
        stream_id = secrets.token_hex(8)
        try:
            is_allowed = bool(await self._store(account_id, [stream_id], self._redis))
        except RedisError as error:
            structlog.get_logger().warning("streams_counted_here", error=type(error).__name__)
            is_allowed = len(self._stream_ids.get(account_id, ())) < self.streams_max
        if not is_allowed:
            return None
        self._stream_ids[account_id].add(stream_id)
        return stream_id

    async def release(self, account_id: str, stream_id: str) -> None:
        """Remove a stream that has ended."""
        self._stream_ids[account_id].discard(stream_id)
        if not self._stream_ids[account_id]:
            del self._stream_ids[account_id]
        with contextlib.suppress(RedisError):  # the id expires
            await self._redis.zrem(_key(account_id), stream_id)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / RENEWALS)
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for account_id, stream_ids in list(self._stream_ids.items()):
                        await self._store(account_id, sorted(stream_ids), pipeline)
                    await pipeline.execute()
            except (RedisError, OSError) as error:
                structlog.get_logger().warning("streams_not_renewed", error=type(error).__name__)

    def _store(self, account_id: str, stream_ids: list[str], client: Any) -> Any:
        args: list[str | float] = [self._seconds, self.streams_max, *stream_ids]
        return self._script(keys=[_key(account_id)], args=args, client=client)


def _key(account_id: str) -> str:
    return f"streams:{account_id}"
