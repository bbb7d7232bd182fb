"""`/api/schedules`: when workflows are executed without being asked to."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import current_app, url_for

from engine.config.settings import Settings
from engine.contracts import timestamps
from engine.errors import Fault, InvalidError
from engine.store import outbox
from engine.store.accounts import Account
from engine.store.schedules import Schedule
from engine.workflows import definitions
from engine.workflows.schedules import firings, recurrence, schedules
from engine.workflows.schedules.temporal_schedules import Followed, Gap
from web.extensions import db
from web.http import authentication, etags, idempotency, rate_limits, redis_notify
from web.http.json_bodies import Blueprint
from web.routes import start_execution
from web.routes.execution_input import order
from web.routes.schedule_view import carry, follow, looked_at, tagged, told, version
from web.schemas import schedules as schemas
from web.schemas.workflows import Executed

TIMES = ("start_at", "end_at", "since", "until")
NOT_PLANNED = {"workflow_id", "paused", "input", "seal_result"}

blueprint = Blueprint(
    "schedules", __name__, url_prefix="/api/schedules", description="Runs by the clock"
)
authentication.protect(blueprint)
rate_limits.limit(blueprint, "workflows")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(schemas.SchedulesQuery, location="query")
@blueprint.response(200, schemas.SchedulesShown)
def browse(query: dict[str, Any]) -> dict[str, Any]:
    """List the account's schedules, newest first, those written in its workflows among them."""
    found, cursor = schedules.browse(
        db.session(),
        account_id=authentication.identity().account_id,
        definition_id=query.get("workflow_id"),
        limit=query["limit"],
        after=query.get("cursor"),
    )
    return {
        "schedules": [told(schedule) for schedule in found],
        "cursor": cursor,
        "hasMore": bool(cursor),
    }


@blueprint.route("", methods=["POST"])
@blueprint.arguments(schemas.ScheduleRequest)
@blueprint.response(201, schemas.ScheduleLooked, headers=etags.ANSWERED)
@blueprint.doc(parameters=[idempotency.ASKED])
def create(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Have a workflow executed every so often, or by a cron expression."""
    schedule_id = idempotency.once(lambda: _make(body))
    schedule = _find(schedule_id)
    if not idempotency.repeated():
        follow(schedule)
    location = url_for("schedules.read", schedule_id=schedule_id)
    headers = {"Location": location} | idempotency.header() | tagged(schedule)
    return looked_at(schedule), 201, headers


@blueprint.route("/<uuid:schedule_id>", methods=["GET"])
@blueprint.response(200, schemas.ScheduleLooked, headers=etags.ANSWERED)
def read(schedule_id: UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return a schedule, when it is due next, and what came of it lately."""
    schedule = _find(schedule_id)
    return looked_at(schedule), 200, tagged(schedule)


@blueprint.route("/<uuid:schedule_id>", methods=["PATCH"])
@blueprint.arguments(schemas.ScheduleChange)
@blueprint.response(200, schemas.ScheduleLooked, headers=etags.ANSWERED)
@blueprint.doc(parameters=[etags.ASKED])
def change(body: dict[str, Any], schedule_id: UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Change what is mentioned; one that a workflow's own document asks for changes with that alone."""
    schedule, session = _find(schedule_id, lock=True), db.session()
    etags.check(*version(schedule))
    ordered = None
    if "input" in body:
        ordered = order(session.get_one(Account, schedule.account_id), body)
    elif "seal_result" in body:
        fault = Fault("/sealResult", "needs an input")
        raise InvalidError("schedule_invalid", "There can be no such schedule.", faults=[fault])
    planned = recurrence.read(_asked(body), schedules.plan(schedule))
    schedules.change(session, schedule, planned, now=datetime.now(UTC), order=ordered)
    return _changed(schedule)


@blueprint.route("/<uuid:schedule_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.doc(parameters=[etags.ASKED])
def delete(schedule_id: UUID) -> None:
    """Delete a schedule; executions that it has started go on."""
    schedule = _find(schedule_id, lock=True)
    etags.check(*version(schedule))
    gone = Followed(schedule.id, schedule.account_id)
    schedules.remove(db.session(), schedule, now=datetime.now(UTC))
    db.session.commit()
    carry(gone)


@blueprint.route("/<uuid:schedule_id>/pause", methods=["POST"])
@blueprint.response(200, schemas.ScheduleLooked, headers=etags.ANSWERED)
def pause(schedule_id: UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Have a schedule be due no more."""
    return _pause(schedule_id, paused=True)


@blueprint.route("/<uuid:schedule_id>/resume", methods=["POST"])
@blueprint.response(200, schemas.ScheduleLooked, headers=etags.ANSWERED)
def resume(schedule_id: UUID) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Have a schedule be due again; what it was due for meanwhile stays undone."""
    return _pause(schedule_id, paused=False)


@blueprint.route("/<uuid:schedule_id>/run", methods=["POST"])
@blueprint.response(200, Executed)
@blueprint.alt_response(202, schema=Executed, success=True)
@blueprint.doc(parameters=[idempotency.ASKED])
def run(schedule_id: UUID) -> start_execution.Answer:
    """Execute now what a schedule executes, paused or not, whatever else of it runs; wait as is preferred."""
    schedule, running_max = _find(schedule_id), _settings().executions_per_account_max

    def start() -> UUID:
        return firings.run(
            db.session(), schedule, running_max=running_max, now=datetime.now(UTC)
        ).id

    return start_execution.started(start, schedule.definition_id, scheduleId=schedule_id)


@blueprint.route("/<uuid:schedule_id>/backfill", methods=["POST"])
@blueprint.arguments(schemas.BackfillRequest)
@blueprint.response(202, schemas.Backfilled)
def backfill(body: dict[str, Any], schedule_id: UUID) -> dict[str, Any]:
    """Make up for a stretch of time, one execution after the other; none is made a second time."""
    schedule, now, asked = _find(schedule_id), datetime.now(UTC), _asked(body)
    since, until = asked["since"], min(asked["until"], now)
    plan = schedules.plan(schedule)
    times = recurrence.count_due(plan, counted_from=schedule.counted_from, since=since, until=until)
    gap = Gap(schedule.id, math.ceil(since.timestamp()), math.floor(until.timestamp()))
    if times:
        outbox.append(
            db.session(),
            account_id=schedule.account_id,
            kind=outbox.BACKFILL,
            subject=str(gap),
            now=now,
            delay_seconds=0,
        )
        db.session.commit()
        redis_notify.relay()
    return {"since": since, "until": until, "times": times}


def _make(body: dict[str, Any]) -> UUID:
    account_id, session = authentication.identity().account_id, db.session()
    definition = definitions.find(session, account_id=account_id, definition_id=body["workflow_id"])
    planned = recurrence.read(_asked(body))
    account = schedules.admit(
        session, account_id=account_id, schedules_max=_settings().schedules_per_account_max
    )
    made = schedules.make(
        session,
        planned,
        definition=definition,
        order=order(account, body),
        now=datetime.now(UTC),
        paused=body["paused"],
    )
    return made.id


def _pause(schedule_id: UUID, *, paused: bool) -> tuple[dict[str, Any], int, dict[str, str]]:
    schedule = _find(schedule_id, lock=True)
    schedules.pause(db.session(), schedule, paused=paused, now=datetime.now(UTC))
    return _changed(schedule)


def _changed(schedule: Schedule) -> tuple[dict[str, Any], int, dict[str, str]]:
    db.session.commit()
    follow(schedule)
    return looked_at(schedule), 200, tagged(schedule)


def _find(schedule_id: UUID, *, lock: bool = False) -> Schedule:
    return schedules.find(
        db.session(),
        account_id=authentication.identity().account_id,
        schedule_id=schedule_id,
        lock=lock,
    )


def _asked(body: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked of a plan, its times read."""
    pointers = {"start_at": "/startAt", "end_at": "/endAt"}
    return {
        name: timestamps.moment(timestamps.parse(value, pointers.get(name, f"/{name}")))
        if name in TIMES and value is not None
        else value
        for name, value in body.items()
        if name not in NOT_PLANNED
    }


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
