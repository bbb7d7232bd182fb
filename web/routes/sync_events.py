"""`/api/sync/events`: the stream of change notifications, and tickets that open it in browsers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, g, request

from engine.contracts import timestamps
from engine.sync import pull
from web.http import authentication, rate_limits, stream_tickets
from web.http.json_bodies import Blueprint
from web.schemas import sync_events as schemas

blueprint = Blueprint(
    "sync_events", __name__, url_prefix="/api/sync/events", description="Live sync events"
)
authentication.protect(blueprint, ticket={"stream_events"})
rate_limits.limit(blueprint, "sync")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.EventsQuery, location="query")
@blueprint.response(200, content_type="text/event-stream")
def stream_events(query: dict[str, Any]) -> Response:
    """Stream an event when another agent has changed a state: `data: {"head", "types"}`.

    The web process reads `g.since` and `g.behind` and sends the stream from its event loop. Flask
    alone has no event loop: it ends the stream at once.
    """
    scope = authentication.agent_scope()
    last_event_id = request.headers.get("Last-Event-ID") or query.get("since")
    head = pull.read_head(scope.session, scope.account_id)
    since = timestamps.parse(last_event_id, "/since") if last_event_id else head
    if since != head:
        pull.check_cursor(scope, since)
    g.since, g.behind = timestamps.to_text(since), since != head
    return Response(content_type="text/event-stream; charset=utf-8")


@blueprint.route("/ticket", methods=["POST"])
@blueprint.response(201, schemas.TicketAnswer)
def create_ticket() -> dict[str, Any]:
    """Create a ticket, which opens one stream within 30 s from a page that can set no headers."""
    return stream_tickets.issue(datetime.now(UTC))
