"""What becomes of the times at which schedules are due: each makes one execution, or tells why not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Delete, delete, select
from sqlalchemy.orm import Session

from engine.errors import ConflictError
from engine.store import outbox
from engine.store.executions import Execution
from engine.store.schedules import Firing, Schedule
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.executions import executions
from engine.workflows.executions.executions import Order, StartedAs

MISSED = "missed"  # too late: nothing could run when it was due
UNCHECKED = "workflow_unchecked"  # a new version has been saved, which may say other times
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Time:
    """A time at which a schedule is due, and whether it comes too late."""

    account_id: UUID
    schedule_id: UUID
    due_at: datetime
    late_by: timedelta = timedelta(0)

    @property
    def execution_id(self) -> UUID:
        """Return the id of the one execution that it can ever make: a UUIDv7 (RFC 9562 section 5.7)."""
        known = f"{self.schedule_id} {self.due_at.timestamp():.6f}"
        chance = int.from_bytes(hashlib.sha256(known.encode()).digest()[:10])
        number = int(self.due_at.timestamp() * 1000) << 80 | chance
        number = number & ~(0xF << 76) | 7 << 76
        return UUID(int=number & ~(0x3 << 62) | 2 << 62)


def fire(session: Session, time: Time, *, running_max: int, now: datetime) -> Firing | None:
    """Make the execution of a time, once however often it comes; nothing when its schedule is no more.

    Past the account's limit of running executions there is none: the firing says so, until it comes again.
    """
    schedule = session.get(Schedule, time.schedule_id)
    if schedule is None or schedule.account_id != time.account_id:
        _unfollow(session, time, now)
        return None
    definition = _locked(session, schedule)
    refusal = MISSED if time.late_by.total_seconds() > schedule.catchup_seconds else None
    if schedule.trigger is not None and definition.checked_at is None:
        refusal = UNCHECKED
    try:
        executions.admit(session, account_id=time.account_id, running_max=running_max)
    except ConflictError as full:
        refusal = refusal or full.code
    known = session.get(Firing, (time.schedule_id, time.due_at))
    if known is not None and known.execution_id is not None:
        return known
    if refusal is None:
        _start(session, schedule, definition, time.execution_id, now)
    firing = known or Firing(schedule_id=schedule.id, due_at=time.due_at, created_at=now)
    firing.execution_id, firing.refusal = None if refusal else time.execution_id, refusal
    session.add(firing)
    session.flush()
    return firing


def run(session: Session, schedule: Schedule, *, running_max: int, now: datetime) -> Execution:
    """Make an execution of a schedule now, whether or not it is paused; web or the relay starts it.

    :raises ConflictError: `executions_too_many`.
    """
    definition = _locked(session, schedule)
    executions.admit(session, account_id=schedule.account_id, running_max=running_max)
    execution = _start(session, schedule, definition, None, now)
    session.add(
        Firing(schedule_id=schedule.id, due_at=now, execution_id=execution.id, created_at=now)
    )
    session.flush()
    return execution


def recent(
    session: Session, schedule: Schedule, *, limit: int
) -> Sequence[tuple[Firing, Execution | None]]:
    """Return the times at which a schedule was due last, newest first, each with its execution."""
    query = (
        select(Firing, Execution)
        .outerjoin(Execution, Execution.id == Firing.execution_id)
        .where(Firing.schedule_id == schedule.id)
        .order_by(Firing.due_at.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def spent(*, now: datetime) -> Delete:
    """Return the statement that deletes what nobody asks for any more."""
    return delete(Firing).where(Firing.created_at < now - KEPT)


def _locked(session: Session, schedule: Schedule) -> Definition:
    """Return a schedule's definition; nobody changes or deletes it meanwhile."""
    account_id, definition_id = schedule.account_id, schedule.definition_id
    return definitions.find(session, account_id=account_id, definition_id=definition_id, lock=True)


def _start(
    session: Session,
    schedule: Schedule,
    definition: Definition,
    execution_id: UUID | None,
    now: datetime,
) -> Execution:
    return executions.start(
        session,
        account_id=schedule.account_id,
        definition=definition,
        order=Order(schedule.input_sealed, schedule.seal_result),
        now=now,
        # Whoever is about to start it may be terminated first, by the next in line: then the relay does.
        started_as=None if execution_id is None else StartedAs(execution_id),
    )


def _unfollow(session: Session, time: Time, now: datetime) -> None:
    """Have Temporal forget a schedule that is no more."""
    outbox.append(
        session,
        account_id=time.account_id,
        kind=outbox.FOLLOW,
        subject=str(time.schedule_id),
        now=now,
        delay_seconds=0,
    )
