"""`/health`, the published keys and the documents: what needs no account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Response, current_app, jsonify
from joserfc.jwk import KeySet
from redis import Redis

from engine.config.settings import Settings
from engine.store import schema
from web.extensions import db
from web.http import rate_limits
from web.http.json_bodies import Blueprint

CHECK_SECONDS_MAX = 1.0


class BehindError(Exception):
    """The database lacks migrations of this version: the release step has not run."""


blueprint = Blueprint("health", __name__, description="Health, published keys, documents")
rate_limits.limit(blueprint)


@blueprint.route("/health/live", methods=["GET"])
@blueprint.response(200)
def live() -> Response:
    """Answer while the process runs."""
    return jsonify({"live": True})


@blueprint.route("/health/ready", methods=["GET"])
@blueprint.response(200)
@blueprint.alt_response(503, description="a part is down")
def ready() -> tuple[Response, int]:
    """Tell whether the database, Redis and Temporal answer, one member each."""
    parts = {"database": _ask(_database), "redis": _ask(_redis), "temporal": _ask(_temporal)}
    healthy = all(part["ok"] for part in parts.values())
    return jsonify({"ready": healthy} | parts), 200 if healthy else 503


@blueprint.route("/.well-known/jwks.json", methods=["GET"])
@blueprint.response(200)
def keys() -> Response:
    """Return the public keys: `use: sig` verifies access tokens, `use: enc` is what clients seal to."""
    return jsonify(current_app.extensions["published_keys"])


@blueprint.route("/docs", methods=["GET"])
@blueprint.response(200, content_type="text/html")
def docs() -> Response:
    """Return the API's documents for people."""
    return current_app.send_static_file("docs.html")


def publish(settings: Settings) -> dict[str, Any]:
    """Return the JWK Set to publish, made of public members only (RFC 7517)."""
    found: list[dict[str, Any]] = []
    for setting, use in (("access_token_keys", "sig"), ("engine_public_keys", "enc")):
        key_set = KeySet.import_key_set(json.loads(settings.need(setting)))
        found += [key | {"use": use} for key in key_set.as_dict(private=False)["keys"]]
    return {"keys": found}


def _ask(check: Callable[[], object]) -> dict[str, Any]:
    try:
        check()
    except Exception as fault:  # noqa: BLE001 - whatever it is, the part is not ready
        return {"ok": False, "detail": type(fault).__name__}
    return {"ok": True}


def _database() -> None:
    if schema.behind(db.session()):
        raise BehindError


def _redis() -> None:
    settings: Settings = current_app.extensions["settings"]
    with Redis.from_url(settings.redis_url, socket_timeout=1, socket_connect_timeout=1) as redis:
        redis.ping()


def _temporal() -> None:
    current_app.extensions["temporal"].check()
