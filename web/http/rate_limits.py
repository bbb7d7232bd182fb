"""The four documented rate limits: sliding windows on Redis, per account or per client address."""

from __future__ import annotations

import ipaddress
from typing import cast

from flask import Flask, Response, current_app, g, request
from flask_limiter import Limiter
from flask_smorest import Blueprint
from limits.storage import RedisStorage
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine.config.settings import Settings
from engine.observability import metrics
from web.http import login_backoff
from web.http.problems import LimitedError
from web.http.sliding_window import Local, Reading, Shared, Windows

GENERAL = "general"
REDIS_SECONDS_MAX = 0.25
IPV6_PREFIX = 64


def configure(app: Flask, settings: Settings) -> None:
    """Bind Flask-Limiter's storage to the app, and answer with the limits' headers."""
    limiter = Limiter(
        _client,
        storage_uri=settings.need("redis_url"),
        storage_options={
            "socket_timeout": REDIS_SECONDS_MAX,  # type: ignore[dict-item] # redis-py takes floats
            "socket_connect_timeout": REDIS_SECONDS_MAX,  # type: ignore[dict-item]
            "retry": Retry(NoBackoff(), 0),  # type: ignore[dict-item] # three tries by default, a second apart
        },
    )
    limiter.request_filter(lambda: True)  # it has no limits of its own to look for at each request
    limiter.init_app(app)
    numbers = {
        "auth": settings.limit_auth_per_minute,
        "sync": settings.limit_sync_per_minute,
        "workflows": settings.limit_workflows_per_minute,
        GENERAL: settings.limit_general_per_minute,
    }
    redis = cast(Redis, cast(RedisStorage, limiter.storage).storage)
    login_backoff.configure(app, settings, redis)
    app.extensions["windows"] = Windows(numbers, Shared(redis), Local(settings.web_concurrency))
    app.before_request(_stray)
    app.after_request(_tell)


def limit(blueprint: Blueprint, area: str = GENERAL) -> None:
    """Count every request of the blueprint against the area's window and against General.

    On a protected blueprint call it after `guard.protect`: the windows are the account's then.

    :raises LimitedError: from the request, which then has consumed nothing.
    """
    areas = list(dict.fromkeys([area, GENERAL]))

    def check() -> None:
        _take(areas, _client())

    blueprint.before_request(check)


def count_stranger() -> None:
    """Count a request that names no account against its address' General window.

    :raises LimitedError: when that is full: guessing at tokens, or at paths, is limited too.
    """
    _take([GENERAL], _address())


def _take(areas: list[str], key: str) -> None:
    windows: Windows = current_app.extensions["windows"]
    g.readings = windows.take(areas, key)
    reading = g.readings[0]
    if reading.refused:
        metrics.REFUSALS.labels(reading.area).inc()
        detail = f"At most {reading.limit} {reading.area} requests a minute are accepted."
        raise LimitedError(detail, retry_seconds=reading.reset_seconds)


def _stray() -> None:
    """Count what no blueprint of ours answers: documents, assets, and paths that do not exist."""
    if request.blueprint in {None, "api-docs"}:
        count_stranger()


def _client() -> str:
    """Return whose windows a request counts in: the account's, else the address's."""
    return str(g.identity.account_id) if "identity" in g else _address()


def _address() -> str:
    """Return the client's address, IPv6 by /64."""
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
