"""Firings of schedules: each due time makes one execution, or records why it does not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Delete, delete, select
from sqlalchemy.orm import Session

from engine.contracts.outbox_messages import ScheduleSync
from engine.errors import ConflictError, ForbiddenError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.schedules import Firing, Schedule
from engine.workflows import definitions
from engine.workflows.executions import executions
from engine.workflows.executions.executions import AssignedId, ExecutionLimits, SealedInput
from engine.workflows.schedules import recurrence, schedules

TOO_LATE = "missed"  # too late: nothing could run when it was due
UNCHECKED = "workflow_unchecked"  # a new version was saved, which may have other times
RETENTION = timedelta(days=30)
CLOCK_DIFFERENCE_MAX = timedelta(minutes=10)  # between Temporal and the worker


@dataclass(frozen=True, slots=True)
class DueTime:
    """Time at which a schedule is due, and by how much it comes too late."""

    schedule_id: UUID
    due_at: datetime
    delay: timedelta = timedelta(0)

    @property
    def execution_id(self) -> UUID:
        """Return the id of the one execution that it can make: a UUIDv7 (RFC 9562 section 5.7)."""
        text = f"{self.schedule_id} {self.due_at.timestamp():.6f}"
        digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:10])
        number = int(self.due_at.timestamp() * 1000) << 80 | digest
        number = number & ~(0xF << 76) | 7 << 76
        return UUID(int=number & ~(0x3 << 62) | 2 << 62)


def fire(scope: AccountScope, due: DueTime, *, limits: ExecutionLimits) -> Firing | None:
    """Make the execution of a due time, once however often it comes; None without its schedule.

    Past the account's limit of running executions or its quota there is none: the firing says so,
    until the time comes again.

    :raises ConflictError: `not_due`, when the schedule does not have the time, or not yet.
    """
    session, schedule = scope.session, scope.session.get(Schedule, due.schedule_id)
    if schedule is None or schedule.account_id != scope.account_id:
        message = ScheduleSync(scope.account_id, due.schedule_id)  # deletes it in Temporal
        outbox.append(session, message, now=scope.now, delay_seconds=0)
        return None
    plan, at = schedules.plan_of(schedule), due.due_at
    is_due = recurrence.is_due(plan, at, counted_from=schedule.counted_from)
    if at > scope.now + CLOCK_DIFFERENCE_MAX or not is_due:
        raise ConflictError("not_due", "The schedule is not due at this time.")
    definition = definitions.find(scope, schedule.definition_id, lock=True)
    refusal = TOO_LATE if due.delay.total_seconds() > schedule.catchup_seconds else None
    if schedule.trigger is not None and definition.checked_at is None:
        refusal = UNCHECKED
    try:
        executions.admit(scope, schedule.input_sealed, limits)
    except (ConflictError, ForbiddenError) as error:
        refusal = refusal or error.code
    firing = session.get(Firing, (due.schedule_id, due.due_at))
    if firing is not None and firing.execution_id is not None:
        return firing
    if refusal is None:
        # The workflow that would start it may be terminated first, by the next one in line. Then
        # the relay starts it.
        sealed_input = SealedInput(schedule.input_sealed, schedule.seal_result)
        executions.start(scope, definition, sealed_input, assigned=AssignedId(due.execution_id))
    firing = firing or Firing(schedule_id=schedule.id, due_at=due.due_at, created_at=scope.now)
    firing.execution_id, firing.refusal = None if refusal else due.execution_id, refusal
    session.add(firing)
    session.flush()
    return firing


def run(scope: AccountScope, schedule: Schedule, *, limits: ExecutionLimits) -> Execution:
    """Start an execution of a schedule now, whether or not the schedule is paused.

    :raises ConflictError: `executions_too_many`.
    :raises ForbiddenError: `quota_exceeded`.
    """
    definition = definitions.find(scope, schedule.definition_id, lock=True)
    executions.admit(scope, schedule.input_sealed, limits)
    sealed_input = SealedInput(schedule.input_sealed, schedule.seal_result)
    execution = executions.start(scope, definition, sealed_input)
    scope.session.add(
        Firing(
            schedule_id=schedule.id,
            due_at=scope.now,
            execution_id=execution.id,
            created_at=scope.now,
        )
    )
    scope.session.flush()
    return execution


def recent(
    session: Session, schedule: Schedule, *, limit: int
) -> Sequence[tuple[Firing, Execution | None]]:
    """Return the latest firings of a schedule, newest first, each with its execution."""
    query = (
        select(Firing, Execution)
        .outerjoin(Execution, Execution.id == Firing.execution_id)
        .where(Firing.schedule_id == schedule.id)
        .order_by(Firing.due_at.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def expiry(*, now: datetime) -> Delete:
    """Return the statement that deletes firings past their retention."""
    return delete(Firing).where(Firing.created_at < now - RETENTION)
