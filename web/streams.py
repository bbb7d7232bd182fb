"""`/api/sync/events`: live notices, and the tickets by which browsers come to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, g, request

from engine.sync import cursors, feed, stamp
from web import guard, limits, tickets
from web.bodies import Blueprint
from web.extensions import db
from web.schemas import streams as schemas

blueprint = Blueprint("streams", __name__, url_prefix="/api/sync/events", description="Live notices")
blueprint.before_request(tickets.exchange)  # for what the guard then reads
guard.protect(blueprint)
limits.limit(blueprint, "sync")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.EventsQuery, location="query")
@blueprint.response(200, content_type="text/event-stream")
def events(query: dict[str, Any]) -> Response:
    """Stream a notice whenever another agent has changed something: `data: {"head", "types"}`.

    The web process answers GET natively, with what this route has noted in `g`; Flask alone has no
    event loop to keep a stream on and ends it at once.
    """
    account_id, session = guard.identity().account_id, db.session()
    named = request.headers.get("Last-Event-ID") or query.get("since")
    head = feed.head(session, account_id)
    since = stamp.parse(named, "/since") if named else head
    if since != head:
        cursors.check(session, account_id=account_id, since=since)
    g.since, g.behind = stamp.text(since), since != head
    return Response(content_type="text/event-stream; charset=utf-8")


@blueprint.route("/ticket", methods=["POST"])
@blueprint.response(201, schemas.TicketAnswer)
def ticket() -> dict[str, Any]:
    """Hand out a ticket: it opens one stream within thirty seconds, for pages that can set no headers."""
    return tickets.issue(datetime.now(UTC))
