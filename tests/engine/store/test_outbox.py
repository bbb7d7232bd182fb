from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.contracts.outbox_messages import KINDS, ExecutionLaunch, StateChange
from engine.observability import tracing
from engine.store import outbox
from engine.store.accounts import Account
from engine.store.outbox import OutboxMessage

pytestmark = pytest.mark.stack


NOW = datetime(2026, 1, 2, tzinfo=UTC)
IDS = [uuid7() for _ in range(3)]


@pytest.fixture
def account(session: Session) -> Account:
    """An account beside an outbox that is empty: other tests leave more rows than one take."""
    session.execute(delete(OutboxMessage))
    account = Account(email="a@example.org", password_hash="-", public_key="-", created_at=NOW)
    session.add(account)
    session.flush()
    return account


def due(session: Session, account: Account, now: datetime) -> list[str]:
    """Return the subjects of the account's due messages."""
    messages = outbox.take_due(session, now=now)
    return [message.subject for message in messages if message.account_id == account.id]


def test_a_message_is_not_due_while_its_writer_may_still_deliver_it(
    session: Session, account: Account
) -> None:
    outbox.append(session, StateChange(account.id, "1"), now=NOW)
    assert due(session, account, NOW) == []


def test_a_taken_message_is_put_off_and_comes_again_until_it_is_discarded(
    session: Session, account: Account
) -> None:
    outbox.append(session, StateChange(account.id, "1"), now=NOW)
    later = NOW + timedelta(seconds=6)
    assert due(session, account, later) == ["1"]
    assert due(session, account, later) == []
    assert due(session, account, later + timedelta(seconds=6)) == ["1"]
    session.execute(outbox.deletion(StateChange(account.id, "1")))
    assert due(session, account, later + timedelta(seconds=60)) == []


def test_the_oldest_message_counts_from_when_it_was_first_due_however_often_it_is_offered(
    session: Session, account: Account
) -> None:
    outbox.append(session, ExecutionLaunch(account.id, IDS[1]), now=NOW)
    later = NOW + timedelta(seconds=65)
    outbox.append(session, ExecutionLaunch(account.id, IDS[2]), now=later)
    assert due(session, account, later) == [str(IDS[1])]
    backlogs = outbox.backlogs(session, now=later)
    assert backlogs[ExecutionLaunch.kind] == outbox.Backlog(2, 60.0)
    assert backlogs[StateChange.kind] == outbox.Backlog(0, 0.0)
    assert set(backlogs) == set(KINDS)


def test_a_message_carries_the_trace_of_its_writer(session: Session, account: Account) -> None:
    text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with tracing.span("request", parent=text):
        outbox.append(session, ExecutionLaunch(account.id, IDS[1]), now=NOW)
    outbox.append(session, ExecutionLaunch(account.id, IDS[2]), now=NOW)
    query = select(OutboxMessage.traceparent).where(OutboxMessage.account_id == account.id)
    assert set(session.scalars(query)) == {text, None}
