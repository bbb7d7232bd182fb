"""`/api/sync`: push a state, pull what is newer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, current_app, jsonify

from engine.settings import Settings
from engine.sync import clock, feed, records, stamp, tombstones
from engine.sync.change import Change
from web import guard, limits, wake
from web.bodies import Blueprint
from web.extensions import db
from web.schemas import sync as schemas

blueprint = Blueprint("sync", __name__, url_prefix="/api/sync", description="Encrypted states")
guard.protect(blueprint)
limits.limit(blueprint, "sync")


@blueprint.route("/push", methods=["POST"])
@blueprint.arguments(schemas.PushRequest)
@blueprint.response(200, schemas.PushAnswer)
def push(body: dict[str, Any]) -> dict[str, Any]:
    """Push one version of an entity; a clock that does not dominate the current one is refused."""
    who = guard.identity()
    settings: Settings = current_app.extensions["settings"]
    pushed = records.push(
        db.session(),
        account_id=who.account_id,
        agent_id=who.agent_id,
        change=Change(**(body | {"clock": clock.parse(body.pop("vector_clock"))})),
        now=datetime.now(UTC),
        state_bytes_max=settings.state_bytes_max,
        strict=bool(settings.sync_strict_clocks),
    )
    db.session.commit()
    if pushed.refusal is not None:
        raise pushed.refusal
    wake.relay()
    return {"success": True, "version": pushed.version}


@blueprint.route("/events", methods=["GET"])
@blueprint.response(200, content_type="text/event-stream")
def events() -> Response:
    """Stream a notice whenever another agent has changed something: `data: {"head", "types"}`.

    The web process answers GET natively, after this route's guard and limits; Flask alone has no
    event loop to keep a stream on and ends it at once.
    """
    return Response(content_type="text/event-stream; charset=utf-8")


@blueprint.route("/pull", methods=["GET"])
@blueprint.arguments(schemas.PullQuery, location="query")
@blueprint.alt_response(200, schema=schemas.PullAnswer, success=True)
def pull(query: dict[str, Any]) -> Response:
    """Return states that are strictly newer than `since`, oldest first; following `updatedAt` misses none."""
    who, session = guard.identity(), db.session()
    since = stamp.parse(query["since"], "/since") if "since" in query else 0
    page = feed.pull(
        session,
        account_id=who.account_id,
        since=since,
        kind=query.get("type"),
        limit=query["limit"],
        exclude_agent=who.agent_id if query["exclude_self"] else None,
    )
    # A pull of one type says nothing of the others.
    if "type" not in query and tombstones.note_pulled(
        session, account_id=who.account_id, agent_id=who.agent_id, since=since
    ):
        session.commit()
    # Built by the engine in its final form: a second pass over megabytes of states would buy nothing.
    return jsonify(
        {
            "states": page.states,
            "hasMore": page.has_more,
            "cursor": stamp.text(page.cursor),
            "head": stamp.text(page.head),
        }
    )
