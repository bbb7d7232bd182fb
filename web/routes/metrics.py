"""`/metrics`: metrics of all processes in Prometheus' text format, for the operator's token."""

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

blueprint = Blueprint("metrics", __name__, description="Metrics of all processes")
rate_limits.limit(blueprint)


@blueprint.route("/metrics", methods=["GET"])
@blueprint.response(200, content_type="text/plain")
def read() -> Response:
    """Return the metrics of all processes; without Redis, those of this process."""
    settings: Settings = current_app.extensions["settings"]
    if not settings.metrics_token:
        raise NotFoundError("not_found", "The server has no such address.")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    valid = hmac.compare_digest(token.strip().encode(), settings.metrics_token.encode())
    if scheme.lower() != "bearer" or not valid:
        raise UnauthenticatedError(
            "metrics_token_invalid", "The token is not the operator's (METRICS_TOKEN)."
        )
    text = metrics_publisher.render(Snapshot.take(PROCESS), _load_snapshots())
    return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _load_snapshots() -> list[Snapshot]:
    try:
        return metrics_publisher.read_snapshots(redis_notify.publisher().redis)
    except RedisError as fault:
        structlog.get_logger().warning("metrics_alone", error=type(fault).__name__)
        return []
