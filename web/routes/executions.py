"""`/api/executions`: how runs stand, what they ended with, and how to stop one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from flask import current_app, request

from engine.contracts import timestamps
from engine.contracts.pause import PauseCommand
from engine.errors import UnavailableError
from engine.store import outbox
from engine.store.executions import Execution
from engine.workflows.executions import commands, executions, outcomes, timeline
from engine.workflows.executions import pause as holds
from engine.workflows.executions.commands import Place, Wanted
from web.extensions import db
from web.http import authentication, idempotency, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.http.prefer import wait_preferred
from web.routes import start_execution, temporal_ui_links
from web.schemas import executions as schemas
from web.schemas.execution_timeline import Held, Standing
from web.schemas.workflows import Executed
from web.temporal_client import Temporal

blueprint = Blueprint(
    "executions", __name__, url_prefix="/api/executions", description="Runs of workflows"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.RunsQuery, location="query")
@blueprint.response(200, schemas.Runs)
def browse(query: dict[str, Any]) -> dict[str, Any]:
    """List the account's executions, newest first; `cursor` leads to the next page."""
    return listed(query)


@blueprint.route("/<uuid:execution_id>", methods=["GET"])
@blueprint.response(200, Standing)
def read(execution_id: UUID) -> start_execution.Answer:
    """Return an execution and how far it is; once it has ended with its result or error, as was asked.

    `Prefer: wait=N` waits up to N seconds for its end (RFC 7240).
    """
    applied, wait = None, 0.0
    if "Prefer" in request.headers:
        wait, applied = wait_preferred(
            request.headers["Prefer"], current_app.extensions["settings"]
        )
    answer = _joined(execution_id, wait if applied else 0.0)
    ended, standing = answer["endedAt"] is not None, timeline.standing(db.session(), execution_id)
    standing["current"] = [] if ended else standing["current"]
    return answer | standing, 200, _preference(applied)


@blueprint.route("/<uuid:execution_id>/result", methods=["GET"])
@blueprint.response(200, Executed)
@blueprint.alt_response(202, schema=Executed, success=True)
def result(execution_id: UUID) -> start_execution.Answer:
    """Wait for the end of an execution, as `Prefer: wait=N` says, and return its result or error.

    202 when it has not ended in time: then ask again.
    """
    wait, applied = wait_preferred(
        request.headers.get("Prefer"), current_app.extensions["settings"]
    )
    answer = _joined(execution_id, wait)
    return answer, 202 if answer["endedAt"] is None else 200, _preference(applied)


@blueprint.route("/<uuid:execution_id>/retry", methods=["POST"])
@blueprint.arguments(schemas.RetryRequest, required=False)
@blueprint.response(200, Executed)
@blueprint.alt_response(202, schema=Executed, success=True)
@blueprint.doc(parameters=[idempotency.ASKED])
def retry(body: dict[str, Any], execution_id: UUID) -> start_execution.Answer:
    """Have a new execution go on from the step at which this one failed; what is done is not done again.

    One that left nothing behind, as it was terminated, goes on from the beginning.
    """
    settings, account_id = current_app.extensions["settings"], authentication.identity().account_id
    failed = executions.find(db.session(), account_id=account_id, execution_id=execution_id)

    def start() -> UUID:
        return commands.retry(
            db.session(),
            account_id=account_id,
            execution_id=execution_id,
            latest=body["version"] == "latest",
            running_max=settings.executions_per_account_max,
            now=datetime.now(UTC),
        ).id

    return start_execution.started(start, failed.definition_id, retryOf=execution_id)


@blueprint.route("/<uuid:execution_id>/pause", methods=["POST"])
@blueprint.response(202, Held)
def pause(execution_id: UUID) -> dict[str, Any]:
    """Have a running execution hold before its next step; what is in flight ends first."""
    return _hold(execution_id, paused=True)


@blueprint.route("/<uuid:execution_id>/resume", methods=["POST"])
@blueprint.response(202, Held)
def resume(execution_id: UUID) -> dict[str, Any]:
    """Have a paused execution go on."""
    return _hold(execution_id, paused=False)


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


@blueprint.route("/<uuid:execution_id>", methods=["DELETE"])
@blueprint.response(204)
def delete(execution_id: UUID) -> None:
    """Delete an execution that has ended, with all that is kept of it."""
    account_id = authentication.identity().account_id
    commands.forget(
        db.session(), account_id=account_id, execution_id=execution_id, now=datetime.now(UTC)
    )
    db.session.commit()
    redis_notify.relay()


def listed(query: dict[str, Any], definition_id: UUID | None = None) -> dict[str, Any]:
    """Return a page of the account's executions, of all its definitions or of one."""
    times = {
        name: timestamps.moment(timestamps.parse(query[name], f"/{name}"))
        for name in ("since", "until")
        if name in query
    }
    page = commands.browse(
        db.session(),
        Wanted(query.get("status"), definition_id or query.get("workflow_id"), **times),
        account_id=authentication.identity().account_id,
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
    account_id, session = authentication.identity().account_id, db.session()
    told = _told(
        commands.stop(
            session,
            account_id=account_id,
            execution_id=execution_id,
            how=how,
            now=datetime.now(UTC),
        )
    )
    session.commit()
    _bring(commands.STOPS[how], str(execution_id), lambda door: door.stop(execution_id, how=how))
    return told


def _hold(execution_id: UUID, *, paused: bool) -> dict[str, Any]:
    """Note what is wanted, so that it outlives whatever fails now, and signal it if Temporal is there."""
    account_id, session = authentication.identity().account_id, db.session()
    execution = holds.hold(
        session,
        account_id=account_id,
        execution_id=execution_id,
        paused=paused,
        now=datetime.now(UTC),
    )
    told, word, subject = (
        _held(execution),
        PauseCommand(execution.holds, execution.paused),
        holds.subject_of(execution),
    )
    session.commit()
    _bring(outbox.HOLD, subject, lambda door: door.hold(execution_id, word))
    return told


def _bring(kind: str, subject: str, bring: Callable[[Temporal], bool]) -> None:
    """Bring what the outbox has for an execution to Temporal, or leave it to the relay."""
    try:
        carried = bring(current_app.extensions["temporal"])
    except UnavailableError:
        carried = False
    if not carried:  # Temporal is away, or the execution is about to start
        structlog.get_logger().info("left_to_relay", kind=kind, subject=subject)
        return
    account_id, session = authentication.identity().account_id, db.session()
    session.execute(outbox.discarding(account_id=account_id, kind=kind, subject=subject))
    session.commit()


def _joined(execution_id: UUID, wait: float) -> dict[str, Any]:
    """Return an execution, with its outcome when it has ended or ends within `wait` seconds."""
    account_id, door = authentication.identity().account_id, current_app.extensions["temporal"]
    found = executions.find(db.session(), account_id=account_id, execution_id=execution_id)
    answer, outcome = _held(found), outcomes.from_outside(db.session(), found)
    db.session.rollback()  # the worker is asked meanwhile; no transaction stands open for it
    if outcome is None and answer["endedAt"] is not None:
        outcome = door.outcome(execution_id, account_id)
    elif outcome is None and wait:
        outcome = door.join(execution_id, account_id, wait=wait)
        if outcome:
            found = executions.find(db.session(), account_id=account_id, execution_id=execution_id)
            answer = _held(found)
    return answer | (outcome or {})


def _preference(applied: str | None) -> dict[str, str]:
    """Return the header that says how long the answer was waited for."""
    return {"Preference-Applied": applied} if applied else {}


def _held(execution: Execution) -> dict[str, Any]:
    return _told(execution) | {"paused": execution.paused and execution.status == "running"}


def _told(execution: Execution) -> dict[str, Any]:
    return {
        "executionId": execution.id,
        "workflowId": execution.definition_id,
        "workflowVersion": execution.definition_version,
        "status": execution.status,
        "retryOf": execution.retry_of,
        "createdAt": timestamps.text(timestamps.of(execution.created_at)),
        "endedAt": execution.ended_at and timestamps.text(timestamps.of(execution.ended_at)),
        **temporal_ui_links.links(execution.id),
    }
