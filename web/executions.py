"""`/api/executions`: how runs stand, what they ended with, and how to stop one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from flask import Response, current_app, jsonify, request

from engine import executions, runs
from engine.errors import UnavailableError
from engine.runs import Place, Wanted
from engine.store import outbox
from engine.store.models import Execution
from engine.sync import stamp
from web import guard, limits, repetition, starting
from web.bodies import Blueprint
from web.extensions import db
from web.preference import wait_preferred
from web.schemas import executions as schemas
from web.schemas.workflows import Executed

blueprint = Blueprint("executions", __name__, url_prefix="/api/executions", description="Runs of workflows")
guard.protect(blueprint)
limits.limit(blueprint, "workflows")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.RunsQuery, location="query")
@blueprint.response(200, schemas.Runs)
def browse(query: dict[str, Any]) -> dict[str, Any]:
    """List the account's executions, newest first; `cursor` leads to the next page."""
    return listed(query)


@blueprint.route("/<uuid:execution_id>", methods=["GET"])
@blueprint.alt_response(200, schema=Executed, success=True)
def read(execution_id: UUID) -> Response:
    """Return an execution; once it has ended with its result or error, as sealed as was asked.

    `Prefer: wait=N` waits up to N seconds for its end (RFC 7240).
    """
    account_id, door = guard.identity().account_id, current_app.extensions["temporal"]
    execution = executions.find(db.session(), account_id=account_id, execution_id=execution_id)
    answer, outcome, applied = _told(execution), None, None
    db.session.rollback()  # the worker is asked meanwhile; no transaction stands open for it
    if answer["endedAt"] is not None:
        outcome = door.outcome(execution_id, account_id)
    elif "Prefer" in request.headers:
        wait, applied = wait_preferred(request.headers["Prefer"], current_app.extensions["settings"])
        outcome = door.join(execution_id, account_id, wait=wait) if applied else None
        if outcome:
            ended = executions.find(db.session(), account_id=account_id, execution_id=execution_id)
            answer = _told(ended)
    response = jsonify(answer | (outcome or {}))
    if applied:
        response.headers["Preference-Applied"] = applied
    return response


@blueprint.route("/<uuid:execution_id>/retry", methods=["POST"])
@blueprint.arguments(schemas.RetryRequest, required=False)
@blueprint.alt_response(200, schema=Executed, success=True)
@blueprint.alt_response(202, schema=Executed, success=True)
@blueprint.doc(parameters=[repetition.ASKED])
def retry(body: dict[str, Any], execution_id: UUID) -> Response:
    """Have a new execution go on from the step at which this one failed; what is done is not done again.

    One that left nothing behind, as it was terminated, goes on from the beginning.
    """
    settings, account_id = current_app.extensions["settings"], guard.identity().account_id
    failed = executions.find(db.session(), account_id=account_id, execution_id=execution_id)

    def start() -> UUID:
        return runs.retry(
            db.session(),
            account_id=account_id,
            execution_id=execution_id,
            latest=body["version"] == "latest",
            running_max=settings.executions_per_account_max,
            now=datetime.now(UTC),
        ).id

    return starting.started(start, failed.definition_id, retryOf=execution_id)


@blueprint.route("/<uuid:execution_id>/cancel", methods=["POST"])
@blueprint.response(202, schemas.Run)
def cancel(execution_id: UUID) -> dict[str, Any]:
    """Have a running execution clean up and end: its step in flight is cancelled, and it fails."""
    return _stop(execution_id, "cancel")


@blueprint.route("/<uuid:execution_id>/terminate", methods=["POST"])
@blueprint.response(202, schemas.Run)
def terminate(execution_id: UUID) -> dict[str, Any]:
    """End a running execution where it stands, without another word of it."""
    return _stop(execution_id, "terminate")


def listed(query: dict[str, Any], definition_id: UUID | None = None) -> dict[str, Any]:
    """Return a page of the account's executions, of all its definitions or of one."""
    times = {
        name: stamp.moment(stamp.parse(query[name], f"/{name}"))
        for name in ("since", "until")
        if name in query
    }
    page = runs.browse(
        db.session(),
        Wanted(query.get("status"), definition_id or query.get("workflow_id"), **times),
        account_id=guard.identity().account_id,
        limit=query["limit"],
        after=Place.parse(query["cursor"]) if "cursor" in query else None,
    )
    return {
        "executions": [_told(execution) for execution in page.executions],
        "cursor": page.next and str(page.next),
        "hasMore": page.next is not None,
    }


def _stop(execution_id: UUID, how: str) -> dict[str, Any]:
    """Note the stop, so that it outlives whatever fails now, and make it at once if Temporal is there."""
    account_id, session = guard.identity().account_id, db.session()
    told = _told(
        runs.stop(session, account_id=account_id, execution_id=execution_id, how=how, now=datetime.now(UTC))
    )
    session.commit()
    try:
        carried = current_app.extensions["temporal"].stop(execution_id, how=how)
    except UnavailableError:
        carried = False
    if carried:
        kind = runs.STOPS[how]
        session.execute(outbox.discarding(account_id=account_id, kind=kind, subject=str(execution_id)))
        session.commit()
    else:  # Temporal is away, or the execution is about to start
        structlog.get_logger().info("stop_left_to_relay", execution=str(execution_id), how=how)
    return told


def _told(execution: Execution) -> dict[str, Any]:
    return {
        "executionId": execution.id,
        "workflowId": execution.definition_id,
        "workflowVersion": execution.definition_version,
        "status": execution.status,
        "retryOf": execution.retry_of,
        "createdAt": stamp.text(stamp.of(execution.created_at)),
        "endedAt": execution.ended_at and stamp.text(stamp.of(execution.ended_at)),
    }
