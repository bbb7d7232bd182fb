"""Events that cannot be delivered delay their own account alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts.outbox_messages import ExecutionLaunch
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.events import Event
from engine.temporal.connection import connect
from engine.workflows import definitions
from engine.workflows.events import queue
from engine.workflows.events.dispatch import Dispatcher
from engine.workflows.events.queue import SealedEvent
from engine.workflows.executions import executions
from engine.workflows.executions.executions import SealedInput
from tests.support.waiting import until
from worker.temporal import event_router
from worker.temporal.event_router import Doorbell, Router, rest_seconds

NOW = datetime(2126, 1, 2, tzinfo=UTC)  # no relay delivers what is due then
CONTENT = {"specversion": "1.0", "id": "1", "source": "urn:test", "type": "org.example.test"}


@pytest.fixture
def dispatcher(settings: Settings) -> Dispatcher:
    keys = EngineKeys.parse(settings.need("engine_private_keys"))
    ring = Keyring(settings.secrets("keyring"))
    return Dispatcher(keys, ring, settings.event_bytes_max, lambda: None)


@asynccontextmanager
async def routing(
    sessions: sessionmaker[Session], settings: Settings, dispatcher: Dispatcher
) -> AsyncIterator[None]:
    client = await connect(settings, keyed=False)
    task = asyncio.create_task(Router(client, sessions, dispatcher, Doorbell(), "").run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def send_event(
    sessions: sessionmaker[Session], dispatcher: Dispatcher, account_id: UUID, *, launched: bool
) -> UUID:
    """Store an event for an execution that Temporal does not know, and return the event's id."""
    with sessions.begin() as session:
        scope = AccountScope(session, account_id, NOW)
        definition = definitions.save(scope, definitions.Draft("name", "sealed", "key"))
        order = SealedInput("sealed", seal_result=False)
        execution = executions.start(scope, definition, order)
        if launched:
            session.execute(outbox.deletion(ExecutionLaunch(account_id, execution.id)))
        event = SealedEvent(uuid7(), dispatcher.seal(CONTENT))
        queue.store(scope, [event], execution_id=execution.id)
        return event.key


def is_routed(sessions: sessionmaker[Session], event_id: UUID) -> bool:
    with sessions() as session:
        return session.get_one(Event, event_id).routed_at is not None


@pytest.fixture
def neighbour_id(sessions: sessionmaker[Session]) -> UUID:
    with sessions.begin() as session:
        account = Account(
            id=uuid7(),
            email=f"{uuid7()}@example.org",
            password_hash="-",
            public_key="-",
            created_at=NOW,
        )
        session.add(account)
        return account.id


@pytest.mark.stack
async def test_an_event_that_waits_for_its_execution_delays_no_other_account(
    sessions: sessionmaker[Session],
    settings: Settings,
    dispatcher: Dispatcher,
    account_id: UUID,
    neighbour_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_router, "ACCOUNTS_MAX", 1)
    waiting = send_event(sessions, dispatcher, account_id, launched=False)
    deliverable = send_event(sessions, dispatcher, neighbour_id, launched=True)
    async with routing(sessions, settings, dispatcher):
        await asyncio.to_thread(until, lambda: is_routed(sessions, deliverable))
    assert not is_routed(sessions, waiting)


@pytest.mark.unit
def test_an_account_rests_longer_after_each_failure() -> None:
    waits = [rest_seconds(count) for count in (1, 2, 3, 4, 5, 6, 7, 10_000)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
