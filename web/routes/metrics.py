"""`/metrics`: what every process counts, for whoever bears the operator's token (Prometheus' text format)."""

from __future__ import annotations

import hmac

import structlog
from flask import Response, current_app, request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from redis.exceptions import RedisError

from engine.config.settings import Settings
from engine.errors import NotFoundError, UnauthenticatedError
from engine.observability import metrics_publisher
from engine.observability.metrics_publisher import Snapshot
from web.http import rate_limits, redis_notify
from web.http.json_bodies import Blueprint

PROCESS = "web"

blueprint = Blueprint(
    "scrape", __name__, description="What the processes count, for their operator"
)
rate_limits.limit(blueprint)


@blueprint.route("/metrics", methods=["GET"])
@blueprint.response(200, content_type="text/plain")
def scrape() -> Response:
    """Return what all processes count; while Redis is away, what this one does."""
    settings: Settings = current_app.extensions["settings"]
    if not settings.metrics_token:
        raise NotFoundError("not_found", "There is nothing here.")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known = hmac.compare_digest(token.strip().encode(), settings.metrics_token.encode())
    if scheme.lower() != "bearer" or not known:
        raise UnauthenticatedError("metrics_token_invalid", "Only the operator's token opens this.")
    text = metrics_publisher.render(Snapshot.take(PROCESS), _told())
    return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _told() -> list[Snapshot]:
    try:
        return metrics_publisher.read_snapshots(redis_notify.bell().redis)
    except RedisError as fault:
        structlog.get_logger().warning("metrics_alone", error=type(fault).__name__)
        return []
