"""Schedules: when definitions are executed without being asked to. Temporal's schedules follow these rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.errors import ConflictError, NotFoundError
from engine.store import outbox
from engine.store.accounts import Account
from engine.store.schedules import Firing, Schedule
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.executions.executions import Order
from engine.workflows.schedules.recurrence import Plan

AT_ONCE = 0.0


def plan(schedule: Schedule) -> Plan:
    """Return when a schedule is due."""
    return Plan(**{name: getattr(schedule, name) for name in Plan.__slots__})


def admit(session: Session, *, account_id: UUID, schedules_max: int) -> Account:
    """Return the account, its row locked, when it may have one more schedule.

    :raises ConflictError: `schedules_too_many`.
    """
    account = session.get_one(Account, account_id, with_for_update={"key_share": True})
    if count(session, account_id=account_id) >= schedules_max:
        detail = (
            f"An account may have {schedules_max} schedules, those of its definitions included."
        )
        raise ConflictError("schedules_too_many", detail, extra={"limit": "schedules"})
    return account


def count(session: Session, *, account_id: UUID, besides: UUID | None = None) -> int:
    """Return how many schedules an account has, those of one definition's own left out."""
    query = select(func.count()).select_from(Schedule).where(Schedule.account_id == account_id)
    if besides is not None:
        query = query.where((Schedule.definition_id != besides) | Schedule.trigger.is_(None))
    return session.scalar(query) or 0


def make(
    session: Session,
    planned: Plan,
    *,
    definition: Definition,
    order: Order,
    now: datetime,
    paused: bool = False,
    trigger: str | None = None,
) -> Schedule:
    """Store a schedule, and have Temporal follow."""
    schedule = Schedule(
        **asdict(planned),
        id=uuid7(),
        account_id=definition.account_id,
        definition_id=definition.id,
        trigger=trigger,
        revision=1,
        paused=paused,
        counted_from=definition.created_at if trigger else planned.start_at or now,
        input_sealed=order.input_sealed,
        seal_result=order.seal_result,
        created_at=now,
        updated_at=now,
    )
    session.add(schedule)
    session.flush()
    follow(session, schedule, now)
    return schedule


def find(session: Session, *, account_id: UUID, schedule_id: UUID, lock: bool = False) -> Schedule:
    """Return one of the account's schedules.

    :raises NotFoundError: when it has none with this id.
    """
    query = select(Schedule).where(Schedule.account_id == account_id, Schedule.id == schedule_id)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFoundError("schedule_unknown", "There is no such schedule.")
    return found


def of(session: Session, firing: Firing) -> Schedule:
    """Return the schedule of a firing."""
    return session.get_one(Schedule, firing.schedule_id)


def browse(
    session: Session,
    *,
    account_id: UUID,
    definition_id: UUID | None,
    limit: int,
    after: UUID | None,
) -> tuple[Sequence[Schedule], UUID | None]:
    """Return up to `limit` of the account's schedules, newest first, and after which the next page begins.

    :raises NotFoundError: when the account has no such definition.
    """
    query = select(Schedule).where(Schedule.account_id == account_id)
    if definition_id is not None:
        definitions.find(session, account_id=account_id, definition_id=definition_id)
        query = query.where(Schedule.definition_id == definition_id)
    if after is not None:
        query = query.where(Schedule.id < after)
    found = session.scalars(query.order_by(Schedule.id.desc()).limit(limit + 1)).all()
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def change(
    session: Session,
    schedule: Schedule,
    planned: Plan,
    *,
    now: datetime,
    order: Order | None = None,
) -> None:
    """Have a schedule go by another plan from now on, and run on another input if there is one.

    :raises ConflictError: `schedule_of_workflow`.
    """
    _need_own(schedule)
    if planned.every != schedule.every or planned.start_at != schedule.start_at:
        schedule.counted_from = planned.start_at or now
    take(schedule, planned)
    if order is not None:
        schedule.input_sealed, schedule.seal_result = order.input_sealed, order.seal_result
    changed(session, schedule, now)


def pause(session: Session, schedule: Schedule, *, paused: bool, now: datetime) -> None:
    """Have a schedule be due no more, or again."""
    if schedule.paused != paused:
        schedule.paused = paused
        changed(session, schedule, now)


def remove(session: Session, schedule: Schedule, *, now: datetime) -> None:
    """Delete a schedule; what it has started goes on.

    :raises ConflictError: `schedule_of_workflow`.
    """
    _need_own(schedule)
    follow(session, schedule, now)
    session.delete(schedule)
    session.flush()


def drop(session: Session, *, definition_id: UUID, now: datetime) -> None:
    """Delete all schedules of a definition, which is about to be deleted."""
    for schedule in session.scalars(
        select(Schedule).where(Schedule.definition_id == definition_id)
    ):
        follow(session, schedule, now, delay_seconds=AT_ONCE)
    session.execute(delete(Schedule).where(Schedule.definition_id == definition_id))


def _need_own(schedule: Schedule) -> None:
    if schedule.trigger is not None:
        detail = "The schedule is written in its workflow: it changes with that. It can be paused."
        raise ConflictError("schedule_of_workflow", detail)


def take(schedule: Schedule, planned: Plan) -> None:
    """Write a plan into a schedule's row."""
    for name, value in asdict(planned).items():
        setattr(schedule, name, value)


def changed(session: Session, schedule: Schedule, now: datetime) -> None:
    """Note that a schedule's row has changed, and have Temporal follow."""
    schedule.revision += 1
    schedule.updated_at = now
    session.flush()
    follow(session, schedule, now)


def follow(session: Session, schedule: Schedule, now: datetime, delay_seconds: float = 5.0) -> None:
    """Have the relay see to it that Temporal follows, if nobody else has by then."""
    outbox.append(
        session,
        account_id=schedule.account_id,
        kind=outbox.FOLLOW,
        subject=str(schedule.id),
        now=now,
        delay_seconds=delay_seconds,
    )
