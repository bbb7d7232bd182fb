"""`/api/schedules`: when workflows are executed without a request."""

from __future__ import annotations

import math
from typing import Any
from uuid import UUID

from flask import current_app, url_for

from engine.config.settings import Settings
from engine.contracts import timestamps
from engine.contracts.outbox_messages import Backfill, ExecutionLaunch, ScheduleSync
from engine.errors import Fault, InvalidError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.schedules import Schedule
from engine.workflows import storage_quota
from engine.workflows.executions.executions import ExecutionLimits, SealedInput
from engine.workflows.schedules import firings, recurrence, schedules
from engine.workflows.schedules.backfill import count_due
from web import delivery
from web.http import authentication, etags, idempotency, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.routes import execution_view, sealing
from web.routes.schedule_view import detail_view, etag, etag_members, view
from web.schemas import schedules as schemas
from web.schemas.workflows import Executed

TIMES = ("start_at", "end_at", "since", "until")
NOT_OF_PLAN = {"workflow_id", "paused", "input", "seal_result"}

blueprint = Blueprint("schedules", __name__, url_prefix="/api/schedules", description="Schedules")
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.SchedulesQuery, location="query")
@blueprint.response(200, schemas.SchedulesShown)
def browse(query: dict[str, Any]) -> dict[str, Any]:
    """List the account's schedules, newest first, with those that its workflows contain."""
    rows, cursor = schedules.browse(
        authentication.agent_scope(),
        definition_id=query.get("workflow_id"),
        limit=query["limit"],
        after=query.get("cursor"),
    )
    return {
        "schedules": [view(schedule) for schedule in rows],
        "cursor": cursor,
        "hasMore": bool(cursor),
    }


@blueprint.route("", methods=["POST"])
@blueprint.arguments(schemas.ScheduleRequest)
@blueprint.response(201, schemas.ScheduleLooked, headers=etags.RESPONSE_HEADERS)
@blueprint.doc(parameters=[idempotency.PARAMETER])
def create(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Have a workflow executed at intervals, or by a cron expression."""
    scope = authentication.agent_scope()
    key_claim = idempotency.claim(scope)
    if key_claim.replay is None:
        sealed_input = _seal_input(scope, body)
        schedule = schedules.create(
            scope,
            body["workflow_id"],
            recurrence.read(_plan_members(body)),
            sealed_input,
            paused=body["paused"],
            schedules_max=_settings().schedules_per_account_max,
        )
        idempotency.remember(scope, key_claim, schedule.id)
        delivery.commit_and_deliver(scope, ScheduleSync(scope.account_id, schedule.id))
    else:
        schedule = schedules.find(scope, key_claim.replay)
    location = url_for("schedules.read", schedule_id=schedule.id)
    headers = {"Location": location} | key_claim.headers() | etag(schedule)
    return detail_view(scope, schedule), 201, headers


@blueprint.route("/<uuid:schedule_id>", methods=["GET"])
@blueprint.response(200, schemas.ScheduleLooked, headers=etags.RESPONSE_HEADERS)
def read(schedule_id: UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a schedule, when it is due next, and its latest firings."""
    scope = authentication.agent_scope()
    schedule = schedules.find(scope, schedule_id)
    tag = etag(schedule)
    return detail_view(scope, schedule), 200, tag


@blueprint.route("/<uuid:schedule_id>", methods=["PATCH"])
@blueprint.arguments(schemas.ScheduleChange)
@blueprint.response(200, schemas.ScheduleLooked, headers=etags.RESPONSE_HEADERS)
@blueprint.doc(parameters=[etags.IF_MATCH])
def change(body: dict[str, Any], schedule_id: UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Change the members that are sent; a schedule of a workflow's document changes with that."""
    scope = authentication.agent_scope()
    # The account's row is locked before the schedule's, as a firing does.
    sealed_input = _seal_input(scope, body) if "input" in body else None
    schedule = schedules.find(scope, schedule_id, lock=True)
    etags.check(*etag_members(schedule))
    if "seal_result" in body and "input" not in body:
        fault = Fault("/sealResult", "needs an input")
        raise InvalidError("schedule_invalid", "There can be no such schedule.", faults=[fault])
    plan = recurrence.read(_plan_members(body), schedules.plan_of(schedule))
    schedules.change(scope, schedule, plan, sealed_input)
    return _commit_change(scope, schedule)


@blueprint.route("/<uuid:schedule_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.doc(parameters=[etags.IF_MATCH])
def delete(schedule_id: UUID) -> None:
    """Delete a schedule; executions that it has started continue."""
    scope = authentication.agent_scope()
    schedule = schedules.find(scope, schedule_id, lock=True)
    etags.check(*etag_members(schedule))
    schedules.delete(scope, schedule)
    delivery.commit_and_deliver(scope, ScheduleSync(scope.account_id, schedule_id))


@blueprint.route("/<uuid:schedule_id>/pause", methods=["POST"])
@blueprint.response(200, schemas.ScheduleLooked, headers=etags.RESPONSE_HEADERS)
def pause(schedule_id: UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Pause a schedule: it is not due until it is resumed."""
    return _set_paused(schedule_id, paused=True)


@blueprint.route("/<uuid:schedule_id>/resume", methods=["POST"])
@blueprint.response(200, schemas.ScheduleLooked, headers=etags.RESPONSE_HEADERS)
def resume(schedule_id: UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Resume a schedule; the times of the pause are not made up for."""
    return _set_paused(schedule_id, paused=False)


@blueprint.route("/<uuid:schedule_id>/run", methods=["POST"])
@blueprint.response(200, Executed)
@blueprint.alt_response(202, schema=Executed, success=True)
@blueprint.doc(parameters=[idempotency.PARAMETER])
def run(schedule_id: UUID) -> execution_view.Answer:
    """Execute a schedule's workflow now, paused or not, whatever else of it runs.

    `Prefer: wait=N` waits up to N seconds for its end (RFC 7240).
    """
    scope, (wait, _) = authentication.agent_scope(), execution_view.requested_wait()
    schedule = schedules.find(scope, schedule_id)
    definition_id = schedule.definition_id
    key_claim = idempotency.claim(scope)
    if key_claim.replay is None:
        limits = ExecutionLimits.from_settings(_settings())
        execution_id = firings.run(scope, schedule, limits=limits).id
        idempotency.remember(scope, key_claim, execution_id)
        launch = ExecutionLaunch(scope.account_id, execution_id)
        outcome = delivery.commit_and_deliver(scope, launch, wait=wait)
    else:
        execution_id = key_claim.replay
        outcome = delivery.commit_and_join(scope, execution_id, wait=wait)
    return execution_view.started(
        execution_id, outcome, key_claim, workflowId=definition_id, scheduleId=schedule_id
    )


@blueprint.route("/<uuid:schedule_id>/backfill", methods=["POST"])
@blueprint.arguments(schemas.BackfillRequest)
@blueprint.response(202, schemas.Backfilled)
def backfill(body: dict[str, Any], schedule_id: UUID) -> dict[str, Any]:
    """Execute for the times of a past stretch, one after the other; no time executes twice."""
    scope = authentication.agent_scope()
    schedule, members = schedules.find(scope, schedule_id), _plan_members(body)
    since, until = members["since"], min(members["until"], scope.now)
    plan = schedules.plan_of(schedule)
    times = count_due(plan, counted_from=schedule.counted_from, since=since, until=until)
    if times:
        first, last = math.ceil(since.timestamp()), math.floor(until.timestamp())
        message = Backfill(scope.account_id, schedule_id, first, last)
        outbox.append(scope.session, message, now=scope.now, delay_seconds=0)
        scope.session.commit()
        redis_notify.wake_relay()
    return {"since": since, "until": until, "times": times}


def _set_paused(schedule_id: UUID, *, paused: bool) -> tuple[dict[str, Any], int, dict[str, str]]:
    scope = authentication.agent_scope()
    schedule = schedules.find(scope, schedule_id, lock=True)
    schedules.set_paused(scope, schedule, paused=paused)
    return _commit_change(scope, schedule)


def _commit_change(
    scope: AccountScope, schedule: Schedule
) -> tuple[dict[str, Any], int, dict[str, str]]:
    delivery.commit_and_deliver(scope, ScheduleSync(scope.account_id, schedule.id))
    tag = etag(schedule)
    return detail_view(scope, schedule), 200, tag


def _plan_members(body: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a body that belong to a plan, their times parsed."""
    pointers = {"start_at": "/startAt", "end_at": "/endAt"}
    return {
        name: timestamps.to_datetime(timestamps.parse(value, pointers.get(name, f"/{name}")))
        if name in TIMES and value is not None
        else value
        for name, value in body.items()
        if name not in NOT_OF_PLAN
    }


def _seal_input(scope: AccountScope, body: dict[str, Any]) -> SealedInput:
    """Return the input of a schedule as it is stored.

    :raises ForbiddenError: `quota_exceeded`.
    """
    sealed_input = sealing.seal_input(body)
    quota_bytes = _settings().sync_quota_bytes
    storage_quota.require_room(scope, len(sealed_input.jwe), quota_bytes=quota_bytes)
    return sealed_input


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
