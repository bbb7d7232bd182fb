"""Rows of events: each written once, taken by one router at a time, in order."""

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.crypto.keyring import Keyring
from engine.errors import UnavailableError
from engine.language.cloud_events import ANY_TYPE
from engine.store.account_scope import AccountScope
from engine.store.events import Event
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.events import queue, subscriptions
from engine.workflows.events.dispatch import DEPTH_MAX, Dispatcher
from engine.workflows.events.queue import SealedEvent
from engine.workflows.executions import executions
from engine.workflows.executions.executions import SealedInput

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def told(session: Session, account_id: UUID) -> list[str | None]:
    return [row.sealed for row in queue.take(AccountScope(session, account_id, NOW), limit=10)]


@pytest.mark.stack
def test_events_are_taken_in_the_order_they_came(session: Session, account_id: UUID) -> None:
    for name in ("a", "b", "c"):
        queue.store(AccountScope(session, account_id, NOW), [SealedEvent(uuid4(), name)])
    assert told(session, account_id) == ["a", "b", "c"]
    assert account_id in queue.list_accounts(session)


@pytest.mark.stack
def test_an_event_is_written_down_once_even_after_it_was_routed(
    session: Session, account_id: UUID
) -> None:
    event = SealedEvent(uuid4(), "a")
    queue.store(AccountScope(session, account_id, NOW), [event])
    queue.store(AccountScope(session, account_id, NOW), [event])
    assert told(session, account_id) == ["a"]
    queue.mark_routed(session, [event.key], now=NOW)
    queue.store(AccountScope(session, account_id, NOW), [event])
    assert told(session, account_id) == []
    assert session.scalars(select(Event.sealed).where(Event.id == event.key)).all() == [None]


@pytest.mark.stack
def test_that_an_event_was_routed_is_known_for_a_day(session: Session, account_id: UUID) -> None:
    ids = [uuid4(), uuid4()]
    for key in ids:
        queue.store(AccountScope(session, account_id, NOW), [SealedEvent(key, "a")])
    queue.mark_routed(session, ids[:1], now=NOW)
    session.execute(queue.expiry(now=NOW + timedelta(hours=23)))
    assert len(session.scalars(select(Event).where(Event.id.in_(ids))).all()) == 2
    session.execute(queue.expiry(now=NOW + timedelta(hours=25)))
    assert session.scalars(select(Event.id).where(Event.id.in_(ids))).all() == ids[1:]


@pytest.mark.stack
def test_two_routers_never_have_the_same_account(
    sessions: sessionmaker[Session], account_id: UUID
) -> None:
    with sessions.begin() as session:
        queue.store(AccountScope(session, account_id, NOW), [SealedEvent(uuid4(), "a")])
    with sessions() as one, sessions() as other:
        assert told(one, account_id) == ["a"]
        assert told(other, account_id) == []
        one.rollback()
        assert told(other, account_id) == ["a"]


@pytest.mark.stack
def test_more_than_may_wait_are_not_accepted(
    session: Session, account_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PENDING_MAX", 2)
    queue.accept(AccountScope(session, account_id, NOW), [SealedEvent(uuid4(), "a")])
    with pytest.raises(UnavailableError, match="waiting already"):
        queue.accept(AccountScope(session, account_id, NOW), [SealedEvent(uuid4(), "a")] * 2)


@pytest.mark.unit
def test_a_routing_key_is_the_accounts_own_and_says_nothing_of_the_type() -> None:
    one, other = os.urandom(32), os.urandom(32)
    key = subscriptions.routing_key(one, "com.example.paid")
    assert key == subscriptions.routing_key(one, "com.example.paid")
    assert key not in {
        subscriptions.routing_key(other, "com.example.paid"),
        subscriptions.routing_key(one, "com.example"),
    }
    assert (len(key), "paid" in key, subscriptions.routing_key(one, ANY_TYPE)) == (
        32,
        False,
        ANY_TYPE,
    )


def saved(session: Session, account_id: UUID) -> Definition:
    draft = Draft(name="d", encrypted_data="-", encryption_key="-")
    return definitions.save(AccountScope(session, account_id, NOW), draft)


def heard_by_others(session: Session, account_id: UUID, definition: Definition) -> set[str]:
    """Return what an execution of a definition begins with: all that others listen for."""
    order = SealedInput("-", seal_result=False)
    run = executions.start(AccountScope(session, account_id, NOW), definition, order)
    begun = executions.open_with_definition(
        AccountScope(session, account_id, NOW), run.id, run_id=uuid7()
    )
    return set(begun.routing_keys)


@pytest.mark.stack
def test_listeners_are_found_by_account_and_key_until_they_are_discarded(
    session: Session, account_id: UUID
) -> None:
    definition = saved(session, account_id)
    for workflow_id, keys in (("execution:1", {"a", "b"}), ("execution:2", {ANY_TYPE})):
        for _ in range(2):
            subscriptions.register(
                AccountScope(session, account_id, NOW),
                definition_id=definition.id,
                workflow_id=workflow_id,
                keys=keys,
            )

    def found(*keys: str) -> list[str]:
        return [
            one.workflow_id
            for one in subscriptions.list_listeners(AccountScope(session, account_id, NOW), keys)
        ]

    assert (found("a"), found("a", ANY_TYPE), found("c")) == (
        ["execution:1"],
        ["execution:1", "execution:2"],
        [],
    )
    assert subscriptions.list_listeners(AccountScope(session, uuid7(), NOW), ["a", ANY_TYPE]) == []
    assert heard_by_others(session, account_id, saved(session, account_id)) == {"a", "b", ANY_TYPE}
    assert heard_by_others(session, account_id, definition) == set()
    subscriptions.discard(session, ["execution:1"])
    assert found("a", "b", ANY_TYPE) == ["execution:2"]


@pytest.mark.unit
def test_an_event_that_is_nested_too_deeply_is_none() -> None:
    key = OKPKey.generate_key("X25519", parameters={"kid": "k"})
    dispatcher = Dispatcher(EngineKeys({"k": key}), Keyring({}), 65_536, lambda: None)

    def opened(depth: int) -> object:
        event = b'{"id": "1", "source": "/s", "specversion": "1.0", "type": "t", "data": '
        data = b"[" * depth + b"]" * depth
        return dispatcher.open(Event(sealed=jwe.seal(key, event + data + b"}")))

    assert opened(DEPTH_MAX - 1) is not None
    assert opened(DEPTH_MAX) is None
