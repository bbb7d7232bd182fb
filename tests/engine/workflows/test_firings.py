"""Times at which a schedule is due, and the executions they make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.contracts.outbox_messages import ScheduleSync
from engine.errors import ConflictError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.executions import Execution
from engine.store.outbox import OutboxMessage
from engine.store.schedules import Schedule
from engine.store.workflows import Definition
from engine.workflows.executions.executions import ExecutionLimits, SealedInput
from engine.workflows.schedules import firings, schedules
from engine.workflows.schedules.firings import DueTime
from engine.workflows.schedules.recurrence import Plan

pytestmark = pytest.mark.stack


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def schedule(session: Session) -> Schedule:
    account = Account(
        id=uuid7(),
        email=f"{uuid7()}@example.org",
        password_hash="-",
        public_key="mine",
        created_at=NOON,
    )
    session.add(account)
    session.flush()
    definition = Definition(
        id=uuid7(),
        account_id=account.id,
        name="due",
        encrypted_data="-",
        encryption_key="-",
        created_at=NOON,
        updated_at=NOON,
    )
    session.add(definition)
    session.flush()
    plan = Plan(every=60, catchup_seconds=600)
    return schedules.store(
        AccountScope(session, account.id, NOON),
        plan,
        definition=definition,
        sealed_input=SealedInput("-", seal_result=False),
    )


def time(schedule: Schedule, late: int = 0, minutes: int = 0) -> DueTime:
    at = NOON + timedelta(minutes=minutes)
    return DueTime(schedule.id, at, timedelta(seconds=late))


def executions(session: Session, schedule: Schedule) -> list[UUID]:
    query = select(Execution.id).where(Execution.definition_id == schedule.definition_id)
    return [*session.scalars(query)]


def test_a_time_makes_one_execution_under_an_id_of_its_own(
    session: Session, schedule: Schedule
) -> None:
    first, again = (
        firings.fire(
            AccountScope(session, schedule.account_id, NOON),
            time(schedule),
            limits=ExecutionLimits(9),
        )
        for _ in range(2)
    )
    assert first is not None
    assert first is again
    assert executions(session, schedule) == [first.execution_id]
    assert time(schedule).execution_id.version == 7
    assert time(schedule).execution_id != time(schedule, minutes=1).execution_id


@pytest.mark.parametrize(
    ("late", "most", "refusal"), [(601, 9, "missed"), (600, 0, "executions_too_many")]
)
def test_a_time_that_was_refused_says_why_and_may_come_again(
    session: Session, schedule: Schedule, late: int, most: int, refusal: str
) -> None:
    refused = firings.fire(
        AccountScope(session, schedule.account_id, NOON),
        time(schedule, late),
        limits=ExecutionLimits(most),
    )
    assert refused is not None
    assert (refused.refusal, refused.execution_id, executions(session, schedule)) == (
        refusal,
        None,
        [],
    )
    made = firings.fire(
        AccountScope(session, schedule.account_id, NOON), time(schedule), limits=ExecutionLimits(9)
    )
    assert made is refused
    assert (made.refusal, [made.execution_id]) == (None, executions(session, schedule))


def test_the_times_of_a_workflow_that_is_not_checked_yet_make_nothing(
    session: Session, schedule: Schedule
) -> None:
    schedule.trigger = "every"
    refused = firings.fire(
        AccountScope(session, schedule.account_id, NOON), time(schedule), limits=ExecutionLimits(9)
    )
    assert refused is not None
    assert (refused.refusal, executions(session, schedule)) == ("workflow_unchecked", [])
    session.get_one(Definition, schedule.definition_id).checked_at = NOON
    made = firings.fire(
        AccountScope(session, schedule.account_id, NOON), time(schedule), limits=ExecutionLimits(9)
    )
    assert made is not None
    assert executions(session, schedule) == [made.execution_id]


def test_what_is_due_without_a_schedule_makes_nothing_and_temporal_is_told(
    session: Session, schedule: Schedule
) -> None:
    due, account_id = time(schedule), schedule.account_id
    schedules.delete_of_definition(AccountScope(session, account_id, NOON), schedule.definition_id)
    session.execute(outbox.deletion(ScheduleSync(account_id, due.schedule_id)))
    session.expire_all()
    assert (
        firings.fire(AccountScope(session, account_id, NOON), due, limits=ExecutionLimits(9))
        is None
    )
    told = select(OutboxMessage.subject).where(OutboxMessage.kind == ScheduleSync.kind)
    assert str(due.schedule_id) in session.scalars(told).all()


def test_a_strangers_schedule_is_not_fired(session: Session, schedule: Schedule) -> None:
    due = DueTime(schedule.id, NOON)
    assert (
        firings.fire(AccountScope(session, uuid7(), NOON), due, limits=ExecutionLimits(9)) is None
    )
    assert executions(session, schedule) == []


@pytest.mark.parametrize(
    "at",
    [
        NOON + timedelta(seconds=1),
        NOON + timedelta(microseconds=1),
        NOON + timedelta(hours=1),  # it comes, and is not here yet
        NOON - timedelta(minutes=2),  # before the schedule begins
    ],
)
def test_a_time_that_the_schedule_does_not_have_makes_nothing(
    session: Session, schedule: Schedule, at: datetime
) -> None:
    schedule.start_at = NOON - timedelta(minutes=1)
    scope = AccountScope(session, schedule.account_id, NOON)
    with pytest.raises(ConflictError):
        firings.fire(scope, DueTime(schedule.id, at), limits=ExecutionLimits(9))
    assert executions(session, schedule) == []
