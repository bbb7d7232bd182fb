"""What the relay brings to Temporal: one message that cannot be carried keeps no other from it."""

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
from engine.contracts.outbox_messages import ExecutionLaunch
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.outbox import OutboxMessage
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.executions import executions
from engine.workflows.executions.executions import SealedInput
from worker.relay.temporal_client import TemporalConnection
from worker.relay.temporal_delivery import TemporalDelivery

pytestmark = pytest.mark.stack


NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
GONE = uuid7()


def asked(sessions: sessionmaker[Session]) -> tuple[str, Sequence[OutboxMessage]]:
    """Store an execution; return its id and two messages, of one that is no more and of it."""
    with sessions.begin() as session:
        account = Account(
            id=uuid7(),
            email=f"{uuid7()}@example.org",
            password_hash="-",
            public_key="-",
            created_at=NOW,
        )
        session.add(account)
        session.flush()
        outbox.append(session, ExecutionLaunch(account.id, GONE), now=NOW)
        draft = Draft(name="none", encrypted_data="-", encryption_key="-")
        definition = definitions.save(AccountScope(session, account.id, NOW), draft)
        order = SealedInput("-", seal_result=False)
        execution = executions.start(AccountScope(session, account.id, NOW), definition, order)
        execution_id = str(execution.id)
    query = select(OutboxMessage).where(OutboxMessage.subject.in_([str(GONE), execution_id]))
    with sessions() as session:
        return execution_id, session.scalars(query.order_by(OutboxMessage.id)).all()


def left(sessions: sessionmaker[Session], messages: Sequence[OutboxMessage]) -> list[str]:
    ids = [message.id for message in messages]
    with sessions() as session:
        return list(session.scalars(select(OutboxMessage.subject).where(OutboxMessage.id.in_(ids))))


async def workflow(settings: Settings, execution_id: str) -> WorkflowHandle[None, None]:
    client = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
    return client.get_workflow_handle(f"execution:{execution_id}")


async def test_a_message_of_an_execution_that_is_gone_is_done_with_and_the_others_are_carried(
    settings: Settings, sessions: sessionmaker[Session]
) -> None:
    execution_id, messages = asked(sessions)
    assert [message.subject for message in messages] == [str(GONE), execution_id]
    await TemporalDelivery(settings, sessions, TemporalConnection(settings)).deliver(messages)
    assert left(sessions, messages) == []
    handle = await workflow(settings, execution_id)
    assert (await handle.describe()).id == f"execution:{execution_id}"
    with suppress(RPCError):  # a worker that is about has walked it already
        await handle.terminate()
