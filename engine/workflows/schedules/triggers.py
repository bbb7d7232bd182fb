"""What triggers a definition by itself: times, which are schedules, and what workflows of its own await."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.contracts.executions import schedule_workflow_id, versioned
from engine.crypto.public_keys import sealable
from engine.errors import NotFoundError
from engine.language.schedule import AWAITED
from engine.store import outbox
from engine.store.accounts import Account
from engine.store.executions import Execution
from engine.store.schedules import Schedule
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.events import subscriptions
from engine.workflows.executions import executions
from engine.workflows.executions.executions import Order, StartedAs
from engine.workflows.schedules import schedules
from engine.workflows.schedules.recurrence import Plan
from engine.workflows.schedules.schedules import AT_ONCE


def write_down(
    session: Session,
    plans: Mapping[str, Plan],
    *,
    definition: Definition,
    input_sealed: str,
    now: datetime,
) -> None:
    """Have a definition's own schedules be those of its document, by their triggers.

    One whose trigger is still there keeps its id, and stays paused if it was.
    """
    known = select(Schedule).where(
        Schedule.definition_id == definition.id, Schedule.trigger.is_not(None)
    )
    there = {schedule.trigger: schedule for schedule in session.scalars(known)}
    account = session.get_one(Account, definition.account_id)
    order = Order(input_sealed, sealable(account.public_key) is not None)
    for trigger, planned in plans.items():
        schedule = there.pop(trigger, None)
        if schedule is None:
            schedules.make(
                session, planned, definition=definition, order=order, now=now, trigger=trigger
            )
        elif schedules.plan(schedule) != planned:
            if planned.every != schedule.every:
                schedule.counted_from = now
            schedules.take(schedule, planned)
            schedules.changed(session, schedule, now)
    for schedule in there.values():
        schedules.follow(session, schedule, now, delay_seconds=AT_ONCE)
        session.delete(schedule)


def fire(
    session: Session,
    *,
    account_id: UUID,
    definition_id: UUID,
    execution_id: UUID,
    input_sealed: str,
    now: datetime,
    version: int,
) -> bool:
    """Store an execution under the id its schedule gave it, once; tell whether its definition is as it was.

    Its result is sealed to the account's public key where there is one: nobody has said otherwise.
    """
    try:
        definition = definitions.find(
            session, account_id=account_id, definition_id=definition_id, lock=True
        )
    except NotFoundError:
        return False
    if definition.version != version:
        return False
    account = session.get_one(Account, account_id)
    if session.get(Execution, execution_id) is None:
        executions.start(
            session,
            account_id=account_id,
            definition=definition,
            order=Order(input_sealed, sealable(account.public_key) is not None),
            now=now,
            started_as=StartedAs(execution_id),
        )
    return True


def unschedule(session: Session, definition: Definition, *, now: datetime) -> None:
    """Have what awaits the triggers of a definition's newest version end: there will be others, or none.

    Its times stay until the next version's check says others; unchecked, none makes an execution.
    What a version schedules begins with its check, and looks first whether it is still the newest; so
    none goes on that begins while this one's end is carried.
    """
    subject = versioned(str(definition.id), definition.version)
    outbox.append(
        session,
        account_id=definition.account_id,
        kind=outbox.UNSCHEDULE,
        subject=subject,
        now=now,
        delay_seconds=0,
    )
    subscriptions.discard(session, workflow_ids(str(definition.id), definition.version))


def workflow_ids(definition_id: str, version: int) -> list[str]:
    """Return the ids of all workflows that the schedule of a definition's version may have."""
    return [schedule_workflow_id(definition_id, trigger, version) for trigger in AWAITED]
