"""The four documented rate limits: sliding windows on Redis, per account or per client address."""

from __future__ import annotations

import ipaddress
import math
import time
from dataclasses import dataclass, field

import structlog
from flask import Flask, Response, current_app, g, request
from flask_limiter import Limiter
from flask_smorest import Blueprint
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from redis.exceptions import RedisError

from engine.settings import Settings
from web.problems import LimitedError

GENERAL = "general"
REDIS_SECONDS_MAX = 0.25
DEGRADED_SECONDS = 5.0  # how long Redis is left alone after it failed
IPV6_PREFIX = 64


@dataclass(slots=True)
class Windows:
    """The windows of one app: on Redis, or in this process while Redis is away."""

    items: dict[str, RateLimitItemPerMinute]
    shared: RateLimiter
    processes: int
    local: RateLimiter = field(default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage()))
    degraded_until: float = 0.0

    def take(self, areas: list[str], key: str) -> list[Reading]:
        """Take one request from every area's window, or from none; return how they stand, refused first."""
        if time.monotonic() >= self.degraded_until:
            try:
                return _take(self.shared, [(area, self.items[area]) for area in areas], key)
            except RedisError as fault:
                structlog.get_logger().warning("limits_degraded", error=type(fault).__name__)
                self.degraded_until = time.monotonic() + DEGRADED_SECONDS
        return _take(self.local, [(area, self._share(area)) for area in areas], key)

    def _share(self, area: str) -> RateLimitItemPerMinute:
        return RateLimitItemPerMinute(math.ceil(self.items[area].amount / self.processes))


@dataclass(frozen=True, slots=True)
class Reading:
    """How one window stands after a request."""

    area: str
    limit: int
    remaining: int
    reset_seconds: int
    refused: bool


def configure(app: Flask, settings: Settings) -> None:
    """Bind Flask-Limiter's storage and strategy to the app, and answer with the limits' headers."""
    limiter = Limiter(
        _client,
        strategy="sliding-window-counter",
        storage_uri=settings.need("redis_url"),
        storage_options={
            "socket_timeout": REDIS_SECONDS_MAX,  # type: ignore[dict-item] # redis-py takes floats
            "socket_connect_timeout": REDIS_SECONDS_MAX,  # type: ignore[dict-item]
        },
    )
    limiter.init_app(app)
    items = {
        "auth": settings.limit_auth_per_minute,
        "sync": settings.limit_sync_per_minute,
        "workflows": settings.limit_workflows_per_minute,
        GENERAL: settings.limit_general_per_minute,
    }
    app.extensions["windows"] = Windows(
        {area: RateLimitItemPerMinute(amount) for area, amount in items.items()},
        limiter.limiter,
        settings.web_concurrency,
    )
    app.after_request(_tell)


def limit(blueprint: Blueprint, area: str = GENERAL) -> None:
    """Count every request of the blueprint against the area's window and against General.

    On a protected blueprint call it after `guard.protect`: the windows are the account's then.

    :raises LimitedError: from the request, which then has consumed nothing.
    """
    areas = list(dict.fromkeys([area, GENERAL]))

    def check() -> None:
        windows: Windows = current_app.extensions["windows"]
        g.readings = windows.take(areas, _client())
        if g.readings[0].refused:
            reading = g.readings[0]
            detail = f"At most {reading.limit} {reading.area} requests a minute are accepted."
            raise LimitedError(detail, retry_seconds=reading.reset_seconds)

    blueprint.before_request(check)


def _take(limiter: RateLimiter, items: list[tuple[str, RateLimitItemPerMinute]], key: str) -> list[Reading]:
    depleted = [area for area, item in items if not limiter.test(item, area, key)]
    if not depleted:
        depleted = [area for area, item in items if not limiter.hit(item, area, key)]
    now = time.time()
    readings = []
    for area, item in items:
        reset_at, remaining = limiter.get_window_stats(item, area, key)
        reset_seconds = max(1, math.ceil(reset_at - now))
        readings.append(Reading(area, item.amount, remaining, reset_seconds, area in depleted))
    return sorted(readings, key=lambda reading: not reading.refused)


def _client() -> str:
    """Return whose windows a request counts in: the account's, else the address's, IPv6 by /64."""
    if "identity" in g:
        return str(g.identity.account_id)
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "nowhere"
    if address.version == 6:  # noqa: PLR2004 - the protocol's own number
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


def _tell(response: Response) -> Response:
    """Add the headers of draft-ietf-httpapi-ratelimit-headers and their X- forerunners."""
    readings: list[Reading] = g.get("readings", [])
    if readings:
        tightest = readings[0]
        response.headers["RateLimit-Policy"] = ", ".join(f'"{r.area}";q={r.limit};w=60' for r in readings)
        response.headers["RateLimit"] = ", ".join(
            f'"{r.area}";r={r.remaining};t={r.reset_seconds}' for r in readings
        )
        response.headers["X-RateLimit-Limit"] = str(tightest.limit)
        response.headers["X-RateLimit-Remaining"] = str(tightest.remaining)
        response.headers["X-RateLimit-Reset"] = str(tightest.reset_seconds)
    return response
