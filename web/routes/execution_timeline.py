"""`/api/executions/:id/steps` and `…/events`: what an execution has done so far, and what it does."""

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
_SEQ = re.compile(r"\d{1,9}", re.ASCII)

authentication.protect(blueprint, ticket={"events"})
rate_limits.limit(blueprint, "workflows")


@blueprint.route("/<uuid:execution_id>/steps", methods=["GET"])
@blueprint.arguments(schemas.StepsQuery, location="query")
@blueprint.response(200, schemas.Steps)
def steps(query: dict[str, Any], execution_id: UUID) -> dict[str, Any]:
    """List what happened to the steps of an execution, in its order; `cursor` leads on, now or later."""
    after = query["cursor"]
    page = timeline.read(
        authentication.agent_scope(), execution_id, after=after, limit=query["limit"]
    )
    return {
        "steps": [told(step) for step in page.steps],
        "cursor": page.steps[-1].seq if page.steps else after,
        "hasMore": page.has_more,
    }


@blueprint.route("/<uuid:execution_id>/events", methods=["GET"])
@blueprint.arguments(schemas.FollowQuery, location="query")
@blueprint.response(200, content_type="text/event-stream")
def events(query: dict[str, Any], execution_id: UUID) -> Response:
    """Stream what happens to the steps of an execution, from the first or after `Last-Event-ID`.

    `event: step` has an entry as `data`, and its `seq` as `id`; `event: ended`, with the status, is the last.
    The web process answers natively, with what this route has noted in `g`; Flask alone has no event
    loop to keep a stream on and ends it at once.
    """
    named = request.headers.get("Last-Event-ID")
    if named and not _SEQ.fullmatch(named):
        fault = Fault("/Last-Event-ID", "is the id of no event of this stream")
        raise InvalidError("event_id_invalid", "The last event's id is not valid.", faults=[fault])
    executions.find(authentication.agent_scope(), execution_id)
    g.execution_id, g.seq = execution_id, int(named) if named else query["after"]
    return Response(content_type="text/event-stream; charset=utf-8")


def told(step: ExecutionStep) -> dict[str, Any]:
    """Return an entry as it is shown."""
    return {
        "seq": step.seq,
        "place": step.place,
        "kind": step.kind,
        "phase": step.phase,
        "attempt": step.attempt,
        "at": timestamps.text(timestamps.of(step.at)),
        "error": step.error,
    }
