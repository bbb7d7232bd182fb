"""Rate limits: Flask-Limiter holds the four documented ones, one limit per view.

A view's limit is its area's. Flask-Limiter evaluates it before the view, after
`web.http.authentication` has authenticated the request. The strategy (`web.http.sliding_window`)
counts the request in the area's window and in General at once. Flask-Limiter would evaluate two
limits one by one, and count in the first what the second refuses. While Redis hangs or is down,
Flask-Limiter falls back to memory; it tries Redis again 1, 2, 4 … 32 seconds later.

Flask-Limiter's own headers are off. It writes `X-RateLimit-Reset` as a Unix time, `Retry-After` on
every answer, and no `RateLimit`. It also forgets a request with its context; a request that waits
on the event loop is answered in another context, with the same `g`.
"""

from __future__ import annotations

import ipaddress
from typing import cast

from flask import Flask, Response, g, request
from flask.blueprints import BlueprintSetupState
from flask_limiter import Limit, Limiter, RateLimitExceeded
from flask_smorest import Blueprint
from limits.storage import RedisStorage
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine.config.settings import Settings
from engine.observability import metrics
from web.http import login_backoff, problems, sliding_window
from web.http.problems import LimitedError
from web.http.sliding_window import GENERAL, Reading

REDIS_SECONDS_MAX = 0.25
IPV6_PREFIX = 64
OUTSIDE = "outside"  # of every blueprint: a path that does not exist, or a static file


def configure(app: Flask, settings: Settings) -> None:
    """Bind a Flask-Limiter to the app; after `guard.configure`, which authenticates first."""
    limiter = Limiter(
        _client,
        strategy=sliding_window.register(
            general=settings.limit_general_per_minute, processes=settings.web_concurrency
        ),
        storage_uri=settings.need("redis_url"),
        storage_options={
            "socket_timeout": REDIS_SECONDS_MAX,  # type: ignore[dict-item] # redis-py takes floats
            "socket_connect_timeout": REDIS_SECONDS_MAX,  # type: ignore[dict-item]
            "retry": Retry(NoBackoff(), 0),  # type: ignore[dict-item] # three tries by default, a second apart
        },
        in_memory_fallback_enabled=True,
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
    return f"{{{g.identity.account_id if 'identity' in g else _address()}}}"


def _address() -> str:
    """Return the client's address, IPv6 by /64."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "nowhere"
    if address.version == 6:  # noqa: PLR2004 - the protocol's own number
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


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
