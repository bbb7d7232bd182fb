"""`/api/executions`: read, list, retry, pause, stop and delete executions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import current_app

from engine.config.settings import Settings
from engine.contracts.outbox_messages import (
    ExecutionCancellation,
    ExecutionLaunch,
    ExecutionTermination,
)
from engine.store.account_scope import AccountScope
from engine.workflows.executions import deletion, executions, outcomes, stop, timeline
from engine.workflows.executions.executions import ExecutionLimits
from engine.workflows.executions.pause import pause_message, set_paused
from engine.workflows.executions.retry import retry_execution
from web import delivery
from web.http import authentication, idempotency, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.routes import execution_view
from web.schemas import executions as schemas
from web.schemas.execution_timeline import (
    ExecutionDetails,
    ExecutionPauseSchema,
)
from web.schemas.workflows import Executed

blueprint = Blueprint(
    "executions", __name__, url_prefix="/api/executions", description="Executions"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.RunsQuery, location="query")
@blueprint.response(200, schemas.Runs)
def browse(query: dict[str, Any]) -> dict[str, Any]:
    """List the account's executions, newest first; `cursor` leads to the next page."""
    return execution_view.page(query)


@blueprint.route("/<uuid:execution_id>", methods=["GET"])
@blueprint.response(200, ExecutionDetails)
def read(execution_id: UUID) -> execution_view.Answer:
    """Return an execution and its progress, and once it has ended its result or error.

    `Prefer: wait=N` waits up to N seconds for its end (RFC 7240).
    """
    scope, (wait, preference) = authentication.agent_scope(), execution_view.requested_wait()
    answer = _view_with_outcome(scope, execution_id, wait if preference else 0.0)
    progress = timeline.progress(scope.session, execution_id)
    if answer["endedAt"] is not None:
        progress["current"] = []
    return answer | progress, 200, execution_view.preference(preference)


@blueprint.route("/<uuid:execution_id>/result", methods=["GET"])
@blueprint.response(200, Executed)
@blueprint.alt_response(202, schema=Executed, success=True)
def result(execution_id: UUID) -> execution_view.Answer:
    """Wait for the end of an execution, as `Prefer: wait=N` says, and return its result or error.

    202 when it has not ended in time: then ask again.
    """
    scope, (wait, preference) = authentication.agent_scope(), execution_view.requested_wait()
    answer = _view_with_outcome(scope, execution_id, wait)
    status = 202 if answer["endedAt"] is None else 200
    return answer, status, execution_view.preference(preference)


@blueprint.route("/<uuid:execution_id>/retry", methods=["POST"])
@blueprint.arguments(schemas.RetryRequest, required=False)
@blueprint.response(200, Executed)
@blueprint.alt_response(202, schema=Executed, success=True)
@blueprint.doc(parameters=[idempotency.PARAMETER])
def retry(body: dict[str, Any], execution_id: UUID) -> execution_view.Answer:
    """Start an execution that continues from the step at which this one failed.

    Completed steps are not repeated. An execution without a checkpoint, such as a terminated one,
    is continued from the beginning.
    """
    scope, (wait, _) = authentication.agent_scope(), execution_view.requested_wait()
    definition_id = executions.find(scope, execution_id).definition_id
    key_claim = idempotency.claim(scope)
    if key_claim.replay is None:
        latest, limits = body["version"] == "latest", ExecutionLimits.from_settings(_settings())
        successor = retry_execution(scope, execution_id, latest=latest, limits=limits)
        successor_id = successor.id
        idempotency.remember(scope, key_claim, successor_id)
        launch = ExecutionLaunch(scope.account_id, successor_id)
        outcome = delivery.commit_and_deliver(scope, launch, wait=wait)
    else:
        successor_id = key_claim.replay
        outcome = delivery.commit_and_join(scope, successor_id, wait=wait)
    return execution_view.started(
        successor_id, outcome, key_claim, workflowId=definition_id, retryOf=execution_id
    )


@blueprint.route("/<uuid:execution_id>/pause", methods=["POST"])
@blueprint.response(202, ExecutionPauseSchema)
def pause(execution_id: UUID) -> dict[str, Any]:
    """Pause a running execution before its next step; steps that run end first."""
    return _set_paused(execution_id, paused=True)


@blueprint.route("/<uuid:execution_id>/resume", methods=["POST"])
@blueprint.response(202, ExecutionPauseSchema)
def resume(execution_id: UUID) -> dict[str, Any]:
    """Resume a paused execution."""
    return _set_paused(execution_id, paused=False)


@blueprint.route("/<uuid:execution_id>/cancel", methods=["POST"])
@blueprint.response(202, schemas.Run)
def cancel(execution_id: UUID) -> dict[str, Any]:
    """Cancel a running execution: its current step is cancelled, it cleans up, and it fails."""
    scope = authentication.agent_scope()
    answer = execution_view.view(stop.cancel(scope, execution_id))
    delivery.commit_and_deliver(scope, ExecutionCancellation(scope.account_id, execution_id))
    return answer


@blueprint.route("/<uuid:execution_id>/terminate", methods=["POST"])
@blueprint.response(202, schemas.Run)
def terminate(execution_id: UUID) -> dict[str, Any]:
    """Terminate a running execution at once, without any cleaning up."""
    scope = authentication.agent_scope()
    answer = execution_view.view(stop.terminate(scope, execution_id))
    delivery.commit_and_deliver(scope, ExecutionTermination(scope.account_id, execution_id))
    return answer


@blueprint.route("/<uuid:execution_id>", methods=["DELETE"])
@blueprint.response(204)
def delete(execution_id: UUID) -> None:
    """Delete an execution that has ended, with all that is stored of it."""
    scope = authentication.agent_scope()
    deletion.delete(scope, execution_id)
    scope.session.commit()
    redis_notify.wake_relay()


def _set_paused(execution_id: UUID, *, paused: bool) -> dict[str, Any]:
    scope = authentication.agent_scope()
    execution = set_paused(scope, execution_id, paused=paused)
    answer = execution_view.view_with_pause(execution)
    delivery.commit_and_deliver(scope, pause_message(execution))
    return answer


def _view_with_outcome(scope: AccountScope, execution_id: UUID, wait: float) -> dict[str, Any]:
    """Return an execution, with its outcome when it has ended or ends within `wait` seconds."""
    execution = executions.find(scope, execution_id)
    answer = execution_view.view_with_pause(execution)
    outcome = outcomes.forced_outcome(scope.session, execution)
    scope.session.rollback()  # no transaction stays open while the worker is asked
    if outcome is None and answer["endedAt"] is not None:
        outcome = delivery.temporal().outcome(execution_id, scope.account_id)
    elif outcome is None and wait:
        outcome = delivery.temporal().join(execution_id, scope.account_id, wait=wait)
        if outcome:
            answer = execution_view.view_with_pause(executions.find(scope, execution_id))
    return answer | (outcome or {})


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
