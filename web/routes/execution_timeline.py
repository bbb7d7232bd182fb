"""`/api/executions/:id/steps` and `…/events`: the timeline of an execution."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from flask import Response, g, request

from engine.contracts import timestamps
from engine.errors import Fault, InvalidError
from engine.store.timeline import ExecutionStep
from engine.workflows.executions import executions, timeline
from web.http import authentication, rate_limits
from web.http.json_bodies import Blueprint
from web.schemas import execution_timeline as schemas

blueprint = Blueprint(
    "execution_timeline", __name__, url_prefix="/api/executions", description="Execution timelines"
)
SEQ = re.compile(r"\d{1,9}", re.ASCII)

authentication.protect(blueprint, ticket={"stream_entries"})
rate_limits.limit(blueprint, "workflows")


@blueprint.route("/<uuid:execution_id>/steps", methods=["GET"])
@blueprint.arguments(schemas.StepsQuery, location="query")
@blueprint.response(200, schemas.Steps)
def list_entries(query: dict[str, Any], execution_id: UUID) -> dict[str, Any]:
    """Return the entries of an execution's timeline in order; `cursor` leads to newer ones."""
    after = query["cursor"]
    page = timeline.read(
        authentication.agent_scope(), execution_id, after=after, limit=query["limit"]
    )
    return {
        "steps": [entry_json(step) for step in page.steps],
        "cursor": page.steps[-1].seq if page.steps else after,
        "hasMore": page.has_more,
    }


@blueprint.route("/<uuid:execution_id>/events", methods=["GET"])
@blueprint.arguments(schemas.FollowQuery, location="query")
@blueprint.response(200, content_type="text/event-stream")
def stream_entries(query: dict[str, Any], execution_id: UUID) -> Response:
    """Stream the entries of an execution's timeline, from the first or after `Last-Event-ID`.

    `event: step` has an entry as `data` and its `seq` as `id`; `event: ended` is the last, with the
    status. The web process reads `g.execution_id` and `g.seq` and sends the stream from its event
    loop. Flask alone has no event loop: it ends the stream at once.
    """
    last_event_id = request.headers.get("Last-Event-ID")
    if last_event_id and not SEQ.fullmatch(last_event_id):
        fault = Fault("/Last-Event-ID", "is not the id of an event of this stream")
        raise InvalidError(
            "event_id_invalid", "The header Last-Event-ID is not valid.", faults=[fault]
        )
    executions.find(authentication.agent_scope(), execution_id)
    g.execution_id = execution_id
    g.seq = int(last_event_id) if last_event_id else query["after"]
    return Response(content_type="text/event-stream; charset=utf-8")


def entry_json(step: ExecutionStep) -> dict[str, Any]:
    """Return the JSON object of an entry."""
    return {
        "seq": step.seq,
        "place": step.place,
        "kind": step.kind,
        "phase": step.phase,
        "attempt": step.attempt,
        "at": timestamps.to_text(timestamps.from_datetime(step.at)),
        "error": step.error,
    }
