"""Delivery of messages to Temporal: one that cannot be delivered holds up no other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts.outbox_messages import (
    Backfill,
    ExecutionCancellation,
    ExecutionLaunch,
    Message,
)
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.outbox import OutboxMessage
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.executions import executions
from engine.workflows.executions.executions import SealedInput
from engine.workflows.schedules import schedules
from engine.workflows.schedules.recurrence import Plan
from worker.relay.temporal_client import TemporalConnection
from worker.relay.temporal_delivery import TemporalDelivery

pytestmark = pytest.mark.stack

NOW = datetime(2126, 1, 31, 12, tzinfo=UTC)  # no relay beside delivers what is due then
INPUT = SealedInput("-", seal_result=False)


@pytest.fixture
def scope(session: Session) -> AccountScope:
    account = Account(
        id=uuid7(),
        email=f"{uuid7()}@example.org",
        password_hash="-",
        public_key="-",
        created_at=NOW,
    )
    session.add(account)
    session.flush()
    return AccountScope(session, account.id, NOW)


def launch(scope: AccountScope) -> ExecutionLaunch:
    """Store an execution of a new definition; return the message that starts it."""
    draft = Draft(name="none", encrypted_data="-", encryption_key="-")
    definition = definitions.save(scope, draft)
    return ExecutionLaunch(scope.account_id, executions.start(scope, definition, INPUT).id)


def committed(scope: AccountScope, *messages: Message) -> Sequence[OutboxMessage]:
    """Commit, and return the rows of these messages in this order."""
    scope.session.commit()
    query = select(OutboxMessage).where(OutboxMessage.account_id == scope.account_id)
    rows = {row.message: row for row in scope.session.scalars(query)}
    scope.session.expunge_all()
    return [rows[message] for message in messages]


def remaining(scope: AccountScope, rows: Sequence[OutboxMessage]) -> list[Message]:
    query = select(OutboxMessage).where(OutboxMessage.id.in_([row.id for row in rows]))
    return [row.message for row in scope.session.scalars(query)]


async def workflow(settings: Settings, message: ExecutionLaunch) -> WorkflowHandle[None, None]:
    client = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
    return client.get_workflow_handle(f"execution:{message.execution_id}")


async def end(handle: WorkflowHandle[None, None]) -> None:
    with suppress(RPCError):  # a worker that runs has ended it already
        await handle.terminate()


def delivery(settings: Settings, sessions: sessionmaker[Session]) -> TemporalDelivery:
    return TemporalDelivery(settings, sessions, TemporalConnection(settings))


async def test_the_message_of_a_deleted_execution_is_deleted_and_the_others_are_delivered(
    settings: Settings, sessions: sessionmaker[Session], scope: AccountScope
) -> None:
    absent, present = ExecutionLaunch(scope.account_id, uuid7()), launch(scope)
    outbox.append(scope.session, absent, now=NOW)
    rows = committed(scope, absent, present)
    await delivery(settings, sessions).deliver(rows)
    assert remaining(scope, rows) == []
    handle = await workflow(settings, present)
    assert (await handle.describe()).id == f"execution:{present.execution_id}"
    await end(handle)


async def test_a_message_that_temporal_refuses_stays_and_the_others_are_delivered(
    settings: Settings, sessions: sessionmaker[Session], scope: AccountScope
) -> None:
    definition = definitions.save(scope, Draft("none", "-", "-"))
    schedule = schedules.store(scope, Plan(every=60), definition=definition, sealed_input=INPUT)
    refused = Backfill(scope.account_id, schedule.id, 0, 60)  # Temporal lacks the schedule
    outbox.append(scope.session, refused, now=NOW)
    present = launch(scope)
    rows = committed(scope, refused, present)
    with pytest.raises(RPCError):
        await delivery(settings, sessions).deliver(rows)
    assert remaining(scope, rows) == [refused]
    await end(await workflow(settings, present))
    (row,) = scope.session.scalars(select(OutboxMessage).where(OutboxMessage.id == rows[0].id))
    assert datetime.now(UTC) < row.due_at < NOW


async def test_an_execution_that_is_about_to_start_is_cancelled_later(
    settings: Settings, sessions: sessionmaker[Session], scope: AccountScope
) -> None:
    started = launch(scope)
    cancellation = ExecutionCancellation(scope.account_id, started.execution_id)
    outbox.append(scope.session, cancellation, now=NOW)
    rows = committed(scope, cancellation, started)
    await delivery(settings, sessions).deliver(rows)
    assert remaining(scope, rows) == [cancellation]
    await delivery(settings, sessions).deliver(rows[:1])
    assert remaining(scope, rows) == []
    await end(await workflow(settings, started))
