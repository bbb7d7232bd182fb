"""Rate limits: Flask-Limiter holds the four documented ones, one limit per view.

A view's limit is its area's. Flask-Limiter evaluates it before the view, after
`web.http.authentication` has authenticated the request. The strategy below counts the request in
the area's window and in General at once, in both or in neither. Flask-Limiter would evaluate two
limits one by one, and count in the first what the second refuses.

The windows slide: the weight of one is its count of this minute, plus the part of the minute before
that overlaps the last sixty seconds. On Redis one Lua script judges and counts in one round trip,
by Redis' own clock. All keys of a client share a hash slot, because its name is a hash tag, `{…}`.
While Redis hangs or is down, the strategy counts in memory, in which each process has its share of
a limit; one request tries Redis again 1, 2, 4 … 32 seconds later. Flask-Limiter's own fallback is
off: of several threads that Redis fails at once it lets one fall back and raises in the others.

Flask-Limiter's own headers are off. It writes `X-RateLimit-Reset` as a Unix time, `Retry-After` on
every answer, and no `RateLimit`. It also forgets a request with its context; a request that waits
on the event loop is answered in another context, with the same `g`.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from flask import Flask, Response, g, request
from flask.blueprints import BlueprintSetupState
from flask_limiter import Limit, Limiter, RateLimitExceeded
from flask_smorest import Blueprint
from limits import RateLimitItem, RateLimitItemPerMinute, WindowStats
from limits.storage import MemoryStorage, RedisStorage, StorageTypes
from limits.strategies import STRATEGIES, RateLimiter, SlidingWindowCounterRateLimiter
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from engine.config.settings import Settings
from engine.observability import metrics
from web.http import login_backoff, problems
from web.http.problems import LimitedError

REDIS_SECONDS_MAX = 0.25
RETRY_SECONDS_MAX = 32
IPV6_PREFIX = 64
OUTSIDE = "outside"  # of every blueprint: a path that does not exist, or a static file
GENERAL = "general"
SECONDS = 60

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


def configure(app: Flask, settings: Settings) -> None:
    """Bind a Flask-Limiter to the app; after `guard.configure`, which authenticates first."""
    limiter = Limiter(
        _client,
        strategy=register_strategy(
            general=settings.limit_general_per_minute, processes=settings.web_concurrency
        ),
        storage_uri=settings.need("redis_url"),
        storage_options={
            "socket_timeout": REDIS_SECONDS_MAX,  # type: ignore[dict-item] # redis-py takes floats
            "socket_connect_timeout": REDIS_SECONDS_MAX,  # type: ignore[dict-item]
            "retry": Retry(NoBackoff(), 0),  # type: ignore[dict-item] # three tries by default, a second apart
        },
        # Of what belongs to no blueprint of ours: documents, static files, paths that do not exist.
        default_limits=[Limit(_rate(settings, GENERAL), scope=GENERAL, shared=True)],
        # Its default, the endpoint, would exempt static files and paths that do not exist.
        request_identifier=lambda: request.blueprint or OUTSIDE,
    )
    limiter.init_app(app)
    app.extensions["rate_limiter"] = limiter
    app.register_error_handler(RateLimitExceeded, _answer_refusal)
    app.after_request(_add_headers)
    login_backoff.configure(
        app, settings, cast(Redis, cast(RedisStorage, limiter.storage).get_connection())
    )


def limit(blueprint: Blueprint, area: str = GENERAL) -> None:
    """Give every view of the blueprint its one limit: the area's, and General with it.

    A request that is refused by the authentication counts in General alone, by its address. So
    guessing tokens is limited too.
    """

    def bind(state: BlueprintSetupState) -> None:
        rates = {name: _rate(state.app.extensions["settings"], name) for name in (area, GENERAL)}
        limiter: Limiter = state.app.extensions["rate_limiter"]
        limiter.shared_limit(lambda: rates[_area(area)], scope=lambda _endpoint: _area(area))(
            blueprint
        )

    blueprint.record(bind)


def _rate(settings: Settings, area: str) -> str:
    """Return an area's limit in Flask-Limiter's notation."""
    return f"{getattr(settings, f'limit_{area}_per_minute')} per minute"


def _area(area: str) -> str:
    """Return the area that the request counts in; `g.refusal` is the guard's."""
    return GENERAL if "refusal" in g else area


def _client() -> str:
    """Return whose windows a request counts in: the account's, else the address's.

    The braces make it the hash tag of its keys, which all have one slot of a Redis cluster then.
    """
    return f"{{{g.identity.account_id if 'identity' in g else network_of(request.remote_addr)}}}"


def network_of(address: str | None) -> str:
    """Return the address that a client counts for: IPv4 as it is, IPv6 by /64.

    A socket for both families reports IPv4 clients as `::ffff:a.b.c.d`. Their common /64 would
    make them one client.
    """
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "nowhere"
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, IPV6_PREFIX), strict=False))


def _answer_refusal(_error: RateLimitExceeded) -> Response:
    """Return the problem for a request that Flask-Limiter refused; it has consumed nothing."""
    reading: Reading = g.readings[0]
    metrics.REFUSALS.labels(reading.area).inc()
    detail = f"At most {reading.limit} {reading.area} requests a minute are accepted."
    return problems.answer_engine_error(LimitedError(detail, retry_seconds=reading.reset_seconds))


def _add_headers(response: Response) -> Response:
    """Add the headers of draft-ietf-httpapi-ratelimit-headers and their X- forerunners."""
    readings: list[Reading] = g.get("readings", [])
    if readings:
        tightest = readings[0]
        response.headers["RateLimit-Policy"] = ", ".join(
            f'"{r.area}";q={r.limit};w=60' for r in readings
        )
        response.headers["RateLimit"] = ", ".join(
            f'"{r.area}";r={r.remaining};t={r.reset_seconds}' for r in readings
        )
        response.headers["X-RateLimit-Limit"] = str(tightest.limit)
        response.headers["X-RateLimit-Remaining"] = str(tightest.remaining)
        response.headers["X-RateLimit-Reset"] = str(tightest.reset_seconds)
    return response


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


def register_strategy(*, general: int, processes: int) -> str:
    """Register the strategy with Flask-Limiter; return the name for its option `strategy`.

    :param general: requests a minute of the General window.
    :param processes: how many processes share a limit while Redis is away.
    """

    def build(storage: StorageTypes) -> RateLimiter:
        local = ProcessWindows(MemoryStorage(), general=general, processes=processes)
        return SharedWindows(cast(RedisStorage, storage), local, general=general)

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
        readings = self.judge(self._windows(item, *identifiers), cost, counting=True)
        g.readings = sorted(readings, key=lambda reading: not reading.refused)
        return not any(reading.refused for reading in readings)

    def test(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Return whether `hit` would count the request."""
        readings = self.judge(self._windows(item, *identifiers), cost, counting=False)
        return not any(reading.refused for reading in readings)

    def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """Return when the area's window accepts more (Unix time), and what it accepts now."""
        reading, *_ = self.judge(self._windows(item, *identifiers), 1, counting=False)
        return WindowStats(time.time() + reading.reset_seconds, reading.remaining)

    def _windows(self, item: RateLimitItem, client: str, area: str) -> list[Window]:
        windows = [Window(item, client, area)]
        return windows if area == GENERAL else [*windows, Window(self._general, client, GENERAL)]

    @abstractmethod
    def judge(self, windows: Sequence[Window], cost: int, *, counting: bool) -> list[Reading]:
        """Return the state of each window; count the request in all of them if none is full."""


class Outage:
    """State of Redis as the requests of one process meet it: in order, or away until a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._delay = 0.0  # seconds between two tries; 0 while Redis is in order
        self._retry_at = 0.0

    def may_try(self) -> bool:
        """Return whether this request shall ask Redis: during an outage, one after each delay."""
        with self._lock:
            if not self._delay:
                return True
            if time.monotonic() < self._retry_at:
                return False
            self._delay = min(RETRY_SECONDS_MAX, 2 * self._delay)
            self._retry_at = time.monotonic() + self._delay
            return True

    def begin(self) -> None:
        """Note that Redis failed a request."""
        with self._lock:
            if not self._delay:
                self._delay = 1
                self._retry_at = time.monotonic() + self._delay

    def end(self) -> None:
        """Note that Redis answered a request."""
        with self._lock:
            self._delay = 0


class SharedWindows(AreaWindows):
    """Windows on Redis, which all processes share, and in memory during an outage of Redis."""

    def __init__(self, storage: RedisStorage, local: AreaWindows, *, general: int) -> None:
        super().__init__(storage, general=general)
        self._prefixed = storage.prefixed_key
        self._script = storage.get_connection().register_script(SCRIPT.encode())
        self._local = local
        self._outage = Outage()

    def judge(self, windows: Sequence[Window], cost: int, *, counting: bool) -> list[Reading]:
        """Ask Redis, or the memory of this process while Redis is away."""
        if self._outage.may_try():
            try:
                readings = self._run_script(windows, cost, counting=counting)
            except RedisError as fault:
                structlog.get_logger().warning("limits_degraded", error=type(fault).__name__)
                self._outage.begin()
            else:
                self._outage.end()
                return readings
        return self._local.judge(windows, cost, counting=counting)

    def _run_script(self, windows: Sequence[Window], cost: int, *, counting: bool) -> list[Reading]:
        """Run the script.

        :raises RedisError: when Redis does not answer.
        """
        amounts = [window.item.amount for window in windows]
        keys = [self._prefixed(window.key) for window in windows]
        elapsed, counts = self._script(keys=keys, args=[cost, int(counting), *amounts])
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

    def judge(self, windows: Sequence[Window], cost: int, *, counting: bool) -> list[Reading]:
        """Judge each window by this process's share of its limit."""
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
