"""Sliding windows of a minute, several at once: a request is taken from all of them or from none.

A window's weight is what its minute counted so far plus the part of the minute before that still
overlaps the last sixty seconds. One Lua script judges and counts in one round trip, by Redis' own clock.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis import Redis
from redis.exceptions import RedisError

SECONDS = 60
DEGRADED_SECONDS = 5.0  # how long Redis is left alone after it failed

# KEYS: one hash per window. ARGV: its limit. Answers the seconds of the minute that passed, and for each
# window what this minute and the one before counted, and whether it is full.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local minute = math.floor(now / 60)
local passed = now - 60 * minute
local counts, full = {}, false
for i, key in ipairs(KEYS) do
  local kept = redis.call('HMGET', key, 'minute', 'count', 'before')
  local last, count, before = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
  if last ~= minute then
    before = last == minute - 1 and count or 0
    count = 0
  end
  local refused = count + 1 + before * (1 - passed / 60) > tonumber(ARGV[i])
  full = full or refused
  counts[i] = {count, before, refused and 1 or 0}
end
if not full then
  for i, key in ipairs(KEYS) do
    counts[i][1] = counts[i][1] + 1
    redis.call('HSET', key, 'minute', minute, 'count', counts[i][1], 'before', counts[i][2])
    redis.call('EXPIRE', key, 121)
  end
end
return {tostring(passed), counts}
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """How one window stands after a request; `reset_seconds` is when it takes more than it does now."""

    area: str
    limit: int
    remaining: int
    reset_seconds: int
    refused: bool


class Shared:
    """Windows that all processes share, on Redis."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(SCRIPT)

    def take(self, limits: Sequence[tuple[str, int]], key: str) -> list[Reading]:
        """Take one request from every area's window, or from none.

        :raises RedisError: when Redis does not answer.
        """
        keys = [f"limit:{area}:{key}" for area, _ in limits]
        passed, counts = self._take(keys=keys, args=[limit for _, limit in limits])
        return [
            _reading(area, limit, float(passed), *count)
            for (area, limit), count in zip(limits, counts, strict=True)
        ]


@dataclass(slots=True)
class Local:
    """Windows of this process alone, each its share of a limit."""

    processes: int
    limiter: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, limits: Sequence[tuple[str, int]], key: str) -> list[Reading]:
        """Take one request from every area's window, or from none."""
        items = [
            (area, RateLimitItemPerMinute(math.ceil(limit / self.processes)))
            for area, limit in limits
        ]
        with self.lock:
            full = [area for area, item in items if not self.limiter.test(item, area, key)]
            if not full:
                for area, item in items:
                    self.limiter.hit(item, area, key)
            stats = [self.limiter.get_window_stats(item, area, key) for area, item in items]
        return [
            Reading(
                area, item.amount, left, max(1, math.ceil(reset_at - time.time())), area in full
            )
            for (area, item), (reset_at, left) in zip(items, stats, strict=True)
        ]


@dataclass(slots=True)
class Windows:
    """The windows of one app: on Redis, or in this process while Redis is away."""

    limits: dict[str, int]
    shared: Shared
    local: Local
    degraded_until: float = 0.0

    def take(self, areas: Sequence[str], key: str) -> list[Reading]:
        """Take one request from every area's window, or from none; return how they stand, refused first."""
        limits = [(area, self.limits[area]) for area in areas]
        return sorted(self._take(limits, key), key=lambda reading: not reading.refused)

    def _take(self, limits: Sequence[tuple[str, int]], key: str) -> list[Reading]:
        if time.monotonic() >= self.degraded_until:
            try:
                return self.shared.take(limits, key)
            except RedisError as fault:
                structlog.get_logger().warning("limits_degraded", error=type(fault).__name__)
                self.degraded_until = time.monotonic() + DEGRADED_SECONDS
        return self.local.take(limits, key)


def _reading(
    area: str, limit: int, passed: float, count: int, before: int, refused: int
) -> Reading:
    weight = count + before * (1 - passed / SECONDS)
    remaining = max(0, math.floor(limit - weight))
    reset = until_room(limit, passed, count, before) if refused else SECONDS - passed
    return Reading(area, limit, remaining, max(1, math.ceil(reset)), bool(refused))


def until_room(limit: int, passed: float, count: int, before: int) -> float:
    """Return in how many seconds a full window takes one request more, if nobody else asks."""
    if count < limit:  # the minute before must slide out far enough
        return SECONDS * (1 - (limit - 1 - count) / before) - passed
    return SECONDS - passed + SECONDS * (1 - (limit - 1) / max(1, count))
