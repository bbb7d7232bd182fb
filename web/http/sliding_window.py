"""Strategy for Flask-Limiter: sliding windows of a minute, an area's and General together.

A request is counted in both windows or in neither. The weight of a window is its count of this
minute, plus the part of the minute before that overlaps the last sixty seconds. On Redis one Lua
script judges and counts in one round trip, by Redis' own clock. All keys of one client share a hash
slot if the client's name is a hash tag, `{…}`: the script then runs on a cluster as well.
"""

from __future__ import annotations

import math
import threading
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from flask import g
from limits import RateLimitItem, RateLimitItemPerMinute, WindowStats
from limits.storage import RedisStorage, StorageTypes
from limits.strategies import STRATEGIES, RateLimiter, SlidingWindowCounterRateLimiter
from redis.exceptions import RedisError

SECONDS = 60
GENERAL = "general"

# KEYS: one hash per window. ARGV: the cost, whether to count (1 or 0), then the limit of each
# window. It returns the seconds since the minute began. For each window it returns the counts of
# this minute and of the one before, and whether the window is full.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local minute = math.floor(now / 60)
local passed = now - 60 * minute
local cost, counting = tonumber(ARGV[1]), ARGV[2] == '1'
local counts, full = {}, false
for i, key in ipairs(KEYS) do
  local stored = redis.call('HMGET', key, 'minute', 'count', 'before')
  local last, count = tonumber(stored[1]) or 0, tonumber(stored[2]) or 0
  local before = tonumber(stored[3]) or 0
  if last ~= minute then
    before = last == minute - 1 and count or 0
    count = 0
  end
  local refused = count + cost + before * (1 - passed / 60) > tonumber(ARGV[i + 2])
  full = full or refused
  counts[i] = {count, before, refused and 1 or 0}
end
if counting and not full then
  for i, key in ipairs(KEYS) do
    counts[i][1] = counts[i][1] + cost
    redis.call('HSET', key, 'minute', minute, 'count', counts[i][1], 'before', counts[i][2])
    redis.call('EXPIRE', key, 121)
  end
end
return {tostring(passed), counts}
"""


@dataclass(frozen=True, slots=True)
class Window:
    """One limit of one client: its item, and the names that its key is made of."""

    item: RateLimitItem
    client: str
    area: str

    @property
    def key(self) -> str:
        """The key as `limits` makes it, so that the package's own `clear` finds it."""
        return self.item.key_for(self.client, self.area)


@dataclass(frozen=True, slots=True)
class Reading:
    """State of one window after a request.

    `reset_seconds` is when the window accepts more than it does now.
    """

    area: str
    limit: int
    remaining: int
    reset_seconds: int
    refused: bool


def register(*, general: int, processes: int) -> str:
    """Register the strategy with Flask-Limiter; return the name for its option `strategy`.

    Flask-Limiter builds one for Redis, and one for the memory of a process as its fallback.

    :param general: requests a minute of the General window.
    :param processes: how many processes share a limit while Redis is away.
    """

    def build(storage: StorageTypes) -> RateLimiter:
        if isinstance(storage, RedisStorage):
            return SharedWindows(storage, general=general)
        return ProcessWindows(storage, general=general, processes=processes)

    name = f"sliding-minute-{general}-{processes}"
    STRATEGIES[name] = build  # type: ignore[assignment] # typed as the three classes it comes with
    return name


class AreaWindows(RateLimiter):
    """Strategy that takes a request from its area's window and from General, or from neither."""

    def __init__(self, storage: StorageTypes, *, general: int) -> None:
        super().__init__(storage)
        self._general = RateLimitItemPerMinute(general)

    def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Count a request of a client in an area: `identifiers` are the client and the area.

        `g.readings` are its windows then, refusing ones first: Flask-Limiter itself would read each
        of them once more.
        """
        readings = self._judge(self._windows(item, *identifiers), cost, counting=True)
        g.readings = sorted(readings, key=lambda reading: not reading.refused)
        return not any(reading.refused for reading in readings)

    def test(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Return whether `hit` would count the request."""
        readings = self._judge(self._windows(item, *identifiers), cost, counting=False)
        return not any(reading.refused for reading in readings)

    def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """Return when the area's window accepts more (Unix time), and what it accepts now."""
        reading, *_ = self._judge(self._windows(item, *identifiers), 1, counting=False)
        return WindowStats(time.time() + reading.reset_seconds, reading.remaining)

    def _windows(self, item: RateLimitItem, client: str, area: str) -> list[Window]:
        windows = [Window(item, client, area)]
        return windows if area == GENERAL else [*windows, Window(self._general, client, GENERAL)]

    @abstractmethod
    def _judge(self, windows: Sequence[Window], cost: int, *, counting: bool) -> list[Reading]:
        """Return the state of each window; count the request in all of them if none is full."""


class SharedWindows(AreaWindows):
    """Windows on Redis, which all processes share."""

    def __init__(self, storage: RedisStorage, *, general: int) -> None:
        super().__init__(storage, general=general)
        self._prefixed = storage.prefixed_key
        self._script = storage.get_connection().register_script(SCRIPT.encode())

    def _judge(self, windows: Sequence[Window], cost: int, *, counting: bool) -> list[Reading]:
        """Run the script.

        :raises RedisError: when Redis does not answer. Flask-Limiter then falls back to the
            process.
        """
        amounts = [window.item.amount for window in windows]
        keys = [self._prefixed(window.key) for window in windows]
        try:
            elapsed, counts = self._script(keys=keys, args=[cost, int(counting), *amounts])
        except RedisError as fault:
            structlog.get_logger().warning("limits_degraded", error=type(fault).__name__)
            raise
        return [
            _reading(window, cost, float(elapsed), *count)
            for window, count in zip(windows, counts, strict=True)
        ]


class ProcessWindows(AreaWindows):
    """Windows in the memory of one process, each its share of a limit."""

    def __init__(self, storage: StorageTypes, *, general: int, processes: int) -> None:
        super().__init__(storage, general=general)
        self._processes = processes
        self._counter = SlidingWindowCounterRateLimiter(storage)
        self._lock = threading.Lock()

    def _judge(self, windows: Sequence[Window], cost: int, *, counting: bool) -> list[Reading]:
        shares = [
            (RateLimitItemPerMinute(math.ceil(window.item.amount / self._processes)), window)
            for window in windows
        ]
        with self._lock:
            full = {
                window.area
                for share, window in shares
                if not self._counter.test(share, window.client, window.area, cost=cost)
            }
            if counting and not full:
                for share, window in shares:
                    self._counter.hit(share, window.client, window.area, cost=cost)
            stats = [
                self._counter.get_window_stats(share, window.client, window.area)
                for share, window in shares
            ]
        now = time.time()
        return [
            Reading(
                window.area,
                share.amount,
                remaining,
                max(1, math.ceil(reset_at - now)),
                window.area in full,
            )
            for (share, window), (reset_at, remaining) in zip(shares, stats, strict=True)
        ]


def _reading(
    window: Window, cost: int, elapsed: float, count: int, before: int, refused: int
) -> Reading:
    limit = window.item.amount
    weight = count + before * (1 - elapsed / SECONDS)
    remaining = max(0, math.floor(limit - weight))
    # Room for so many is room for one under a limit that is smaller by the others.
    reset = until_room(limit - cost + 1, elapsed, count, before) if refused else SECONDS - elapsed
    return Reading(window.area, limit, remaining, max(1, math.ceil(reset)), bool(refused))


def until_room(limit: int, elapsed: float, count: int, before: int) -> float:
    """Return in how many seconds a full window takes one request more, if nobody else asks."""
    if count < limit:  # the minute before must slide out far enough
        return SECONDS * (1 - (limit - 1 - count) / before) - elapsed
    return SECONDS - elapsed + SECONDS * (1 - (limit - 1) / max(1, count))
