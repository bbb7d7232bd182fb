"""Schedules of definitions: rows that Temporal's schedules follow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete as delete_from
from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer
from uuid_utils.compat import uuid7

from engine.contracts.outbox_messages import ScheduleSync
from engine.crypto.public_keys import require_encryption_key
from engine.errors import ConflictError, NotFoundError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.schedules import Firing, Schedule
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.executions.executions import SealedInput
from engine.workflows.schedules.recurrence import Plan

LIST_LAG = timedelta(minutes=1)  # Temporal's list may not show a schedule that is younger


def plan_of(schedule: Schedule) -> Plan:
    """Return the plan of a schedule's row."""
    return Plan(**{name: getattr(schedule, name) for name in Plan.__slots__})


def create(
    scope: AccountScope,
    definition_id: UUID,
    plan: Plan,
    sealed_input: SealedInput,
    *,
    paused: bool,
    schedules_max: int,
) -> Schedule:
    """Store a schedule that a client asks for.

    :raises NotFoundError: when the account has no such definition.
    :raises ConflictError: `schedules_too_many`; when the account's key cannot seal results.
    """
    definition = definitions.find(scope, definition_id)
    # The lock makes the count true until the commit.
    account = scope.session.get_one(Account, scope.account_id, with_for_update={"key_share": True})
    if count(scope) >= schedules_max:
        detail = (
            f"An account may have {schedules_max} schedules, those of its definitions included."
        )
        raise ConflictError("schedules_too_many", detail, extra={"limit": "schedules"})
    if sealed_input.seal_result:
        require_encryption_key(account.public_key)
    return store(scope, plan, definition=definition, sealed_input=sealed_input, paused=paused)


def store(
    scope: AccountScope,
    plan: Plan,
    *,
    definition: Definition,
    sealed_input: SealedInput,
    paused: bool = False,
    trigger: str | None = None,
) -> Schedule:
    """Store a schedule, a client's or one of the definition's own triggers; Temporal follows."""
    schedule = Schedule(
        **asdict(plan),
        id=uuid7(),
        account_id=definition.account_id,
        definition_id=definition.id,
        trigger=trigger,
        revision=1,
        paused=paused,
        counted_from=definition.created_at if trigger else plan.start_at or scope.now,
        input_sealed=sealed_input.jwe,
        seal_result=sealed_input.seal_result,
        created_at=scope.now,
        updated_at=scope.now,
    )
    scope.session.add(schedule)
    scope.session.flush()
    append_sync(scope, schedule)
    return schedule


def count(scope: AccountScope, *, besides: UUID | None = None) -> int:
    """Return how many schedules an account has, without the own ones of definition `besides`."""
    query = (
        select(func.count()).select_from(Schedule).where(Schedule.account_id == scope.account_id)
    )
    if besides is not None:
        query = query.where((Schedule.definition_id != besides) | Schedule.trigger.is_(None))
    return scope.session.scalar(query) or 0


def find(scope: AccountScope, schedule_id: UUID, *, lock: bool = False) -> Schedule:
    """Return one of the account's schedules.

    :raises NotFoundError: when the account has none with this id.
    """
    query = select(Schedule).where(
        Schedule.account_id == scope.account_id, Schedule.id == schedule_id
    )
    schedule = scope.session.scalars(query.with_for_update() if lock else query).one_or_none()
    if schedule is None:
        raise NotFoundError("schedule_unknown", "There is no such schedule.")
    return schedule


def of_firing(session: Session, firing: Firing) -> Schedule:
    """Return the schedule of a firing."""
    return session.get_one(Schedule, firing.schedule_id)


def browse(
    scope: AccountScope, *, definition_id: UUID | None, limit: int, after: UUID | None
) -> tuple[Sequence[Schedule], UUID | None]:
    """Return up to `limit` of the account's schedules, newest first, and the next page's cursor.

    They come without inputs.

    :raises NotFoundError: when the account has no such definition.
    """
    query = select(Schedule).where(Schedule.account_id == scope.account_id)
    if definition_id is not None:
        definitions.find(scope, definition_id)
        query = query.where(Schedule.definition_id == definition_id)
    if after is not None:
        query = query.where(Schedule.id < after)
    newest_first = query.order_by(Schedule.id.desc()).limit(limit + 1)
    rows = scope.session.scalars(newest_first.options(defer(Schedule.input_sealed))).all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def change(
    scope: AccountScope, schedule: Schedule, plan: Plan, sealed_input: SealedInput | None = None
) -> None:
    """Give a schedule another plan, and another input if there is one.

    :raises ConflictError: `schedule_of_workflow`; when the account's key cannot seal results.
    """
    _refuse_trigger(schedule)
    if plan.every != schedule.every or plan.start_at != schedule.start_at:
        schedule.counted_from = plan.start_at or scope.now
    write_plan(schedule, plan)
    if sealed_input is not None:
        if sealed_input.seal_result:
            require_encryption_key(scope.session.get_one(Account, scope.account_id).public_key)
        schedule.input_sealed, schedule.seal_result = sealed_input.jwe, sealed_input.seal_result
    record_change(scope, schedule)


def set_paused(scope: AccountScope, schedule: Schedule, *, paused: bool) -> None:
    """Pause or resume a schedule."""
    if schedule.paused != paused:
        schedule.paused = paused
        record_change(scope, schedule)


def delete(scope: AccountScope, schedule: Schedule) -> None:
    """Delete a schedule; executions that it has started continue.

    :raises ConflictError: `schedule_of_workflow`.
    """
    _refuse_trigger(schedule)
    append_sync(scope, schedule)
    scope.session.delete(schedule)
    scope.session.flush()


def delete_of_definition(scope: AccountScope, definition_id: UUID) -> None:
    """Delete all schedules of a definition, which is about to be deleted."""
    rows = select(Schedule).where(Schedule.definition_id == definition_id)
    for schedule in scope.session.scalars(rows):
        append_sync(scope, schedule, delay_seconds=0)
    scope.session.execute(delete_from(Schedule).where(Schedule.definition_id == definition_id))


def write_plan(schedule: Schedule, plan: Plan) -> None:
    """Write a plan into a schedule's row."""
    for name, value in asdict(plan).items():
        setattr(schedule, name, value)


def record_change(scope: AccountScope, schedule: Schedule) -> None:
    """Raise the revision of a changed schedule; Temporal follows."""
    schedule.revision += 1
    schedule.updated_at = scope.now
    scope.session.flush()
    append_sync(scope, schedule)


def append_sync(
    scope: AccountScope, schedule: Schedule, *, delay_seconds: float = outbox.DELAY_SECONDS
) -> None:
    """Have the relay make Temporal follow after a delay, unless the caller has done it by then."""
    message = ScheduleSync(schedule.account_id, schedule.id)
    outbox.append(scope.session, message, now=scope.now, delay_seconds=delay_seconds)


def sync_missing(session: Session, known_ids: Collection[UUID], *, now: datetime) -> int:
    """Have the relay send the schedules that Temporal does not have; return how many there are.

    It takes all accounts. Temporal's schedules without a row are found when they are due.
    """
    missing = [
        schedule
        for schedule in session.scalars(
            select(Schedule).where(Schedule.updated_at < now - LIST_LAG)
        )
        if schedule.id not in known_ids
    ]
    for schedule in missing:
        append_sync(AccountScope(session, schedule.account_id, now), schedule, delay_seconds=0)
    return len(missing)


def _refuse_trigger(schedule: Schedule) -> None:
    """Refuse what only a client's own schedule allows.

    :raises ConflictError: `schedule_of_workflow`.
    """
    if schedule.trigger is not None:
        detail = "The schedule is written in its workflow: it changes with that. It can be paused."
        raise ConflictError("schedule_of_workflow", detail)
