"""`/api/sync/events`: live notices, and the tickets by which browsers come to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, g, request

from engine.contracts import timestamps
from engine.sync import cursors, pull
from web.extensions import db
from web.http import authentication, rate_limits, stream_tickets
from web.http.json_bodies import Blueprint
from web.schemas import sync_events as schemas

blueprint = Blueprint(
    "sync_events", __name__, url_prefix="/api/sync/events", description="Live sync events"
)
authentication.protect(blueprint, ticket={"events"})
rate_limits.limit(blueprint, "sync")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.EventsQuery, location="query")
@blueprint.response(200, content_type="text/event-stream")
def events(query: dict[str, Any]) -> Response:
    """Stream a notice whenever another agent has changed something: `data: {"head", "types"}`.

    The web process answers GET natively, with what this route has noted in `g`; Flask alone has no
    event loop to keep a stream on and ends it at once.
    """
    account_id, session = authentication.identity().account_id, db.session()
    named = request.headers.get("Last-Event-ID") or query.get("since")
    head = pull.head(session, account_id)
    since = timestamps.parse(named, "/since") if named else head
    if since != head:
        cursors.check(session, account_id=account_id, since=since)
    g.since, g.behind = timestamps.text(since), since != head
    return Response(content_type="text/event-stream; charset=utf-8")


@blueprint.route("/ticket", methods=["POST"])
@blueprint.response(201, schemas.TicketAnswer)
def ticket() -> dict[str, Any]:
    """Hand out a ticket: it opens one stream within thirty seconds, for pages that can set no headers."""
    return stream_tickets.issue(datetime.now(UTC))
