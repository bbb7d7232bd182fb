"""`/health`, `/.well-known/jwks.json` and `/docs`: routes that need no account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Response, current_app, jsonify, request
from joserfc.jwk import KeySet
from redis import Redis
from redis.exceptions import RedisError
from werkzeug.http import parse_list_header

from engine.config.settings import Settings
from engine.observability import metrics_publisher
from engine.store import migration_status
from web.extensions import db
from web.http import rate_limits, redis_notify
from web.http.json_bodies import Blueprint

CHECK_SECONDS_MAX = 1.0


class BehindError(Exception):
    """The database lacks migrations of this version, because the release step did not run.

    `/health/ready` answers with the name of this class.
    """


blueprint = Blueprint("health", __name__, description="Health, public keys, documentation")
rate_limits.limit(blueprint)


@blueprint.route("/health/live", methods=["GET"])
@blueprint.response(200)
def live() -> Response:
    """Return 200 while the process runs."""
    return jsonify({"live": True})


@blueprint.route("/health/ready", methods=["GET"])
@blueprint.response(200)
@blueprint.alt_response(503, description="a required part is down")
def ready() -> tuple[Response, int]:
    """Return whether database, Redis and Temporal respond, with a member for each.

    `warnings`, if there are any, name what an operator should repair: the proxies of this request,
    or a worker's host. They are no reason to be unready.
    """
    parts = {
        "database": _run_check(_check_database),
        "redis": _run_check(_check_redis),
        "temporal": _run_check(_check_temporal),
    }
    healthy = all(part["ok"] for part in parts.values())
    warnings = [*_find_proxy_warnings(), *_find_host_warnings()]
    answer = {"ready": healthy} | parts | ({"warnings": warnings} if warnings else {})
    return jsonify(answer), 200 if healthy else 503


@blueprint.route("/.well-known/jwks.json", methods=["GET"])
@blueprint.response(200)
def list_public_keys() -> Response:
    """Return the public keys; `sig` keys verify access tokens, clients encrypt to `enc` keys."""
    return jsonify(current_app.extensions["public_keys"])


@blueprint.route("/docs", methods=["GET"])
@blueprint.response(200, content_type="text/html")
def docs() -> Response:
    """Return the documentation of the API."""
    return current_app.send_static_file("docs.html")


def build_public_key_set(settings: Settings) -> dict[str, Any]:
    """Return the JWK Set of `/.well-known/jwks.json`, with public members only (RFC 7517)."""
    keys: list[dict[str, Any]] = []
    for setting, use in (("access_token_keys", "sig"), ("engine_public_keys", "enc")):
        key_set = KeySet.import_key_set(json.loads(settings.need(setting)))
        keys += [key | {"use": use} for key in key_set.as_dict(private=False)["keys"]]
    return {"keys": keys}


def _find_proxy_warnings() -> list[str]:
    """Compare PROXY_HOPS with the proxies that this request has come through.

    `proxy_not_trusted`: all clients count as one address. `proxy_hops_too_many`: a client that
    names no address counts as the proxy, and one that names several chooses its own.
    """
    settings: Settings = current_app.extensions["settings"]
    hops = len(parse_list_header(request.headers.get("X-Forwarded-For", "")))
    if hops and not settings.proxy_hops:
        return ["proxy_not_trusted"]
    return ["proxy_hops_too_many"] if 0 < hops < settings.proxy_hops else []


def _run_check(check: Callable[[], object]) -> dict[str, Any]:
    try:
        check()
    except Exception as fault:  # noqa: BLE001 - with any error the part is not ready
        return {"ok": False, "detail": type(fault).__name__}
    return {"ok": True}


def _find_host_warnings() -> list[str]:
    """Return what workers publish of their hosts; without Redis nothing is known.

    `confinement_lacks_…`: a worker's host cannot confine child processes by that means.
    """
    try:
        snapshots = metrics_publisher.read_snapshots(redis_notify.publisher().redis)
    except RedisError:
        return []
    missing = {
        labels["kind"]
        for snapshot in snapshots
        for _, _, _, samples in snapshot.families
        for name, labels, value in samples
        if name == "cloudapi_confinement_missing" and value
    }
    return [f"confinement_lacks_{kind}" for kind in sorted(missing)]


def _check_database() -> None:
    if migration_status.is_outdated(db.session()):
        raise BehindError


def _check_redis() -> None:
    settings: Settings = current_app.extensions["settings"]
    with Redis.from_url(settings.redis_url, socket_timeout=1, socket_connect_timeout=1) as redis:
        redis.ping()


def _check_temporal() -> None:
    current_app.extensions["temporal"].check()
