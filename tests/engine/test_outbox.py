from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from engine.store import outbox
from engine.store.models import Account

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def account(session: Session) -> Account:
    account = Account(email="a@example.org", password_hash="-", public_key="-", created_at=NOW)
    session.add(account)
    session.flush()
    return account


def due(session: Session, account: Account, now: datetime) -> list[str]:
    """Return what is due of the account's own: other tests leave messages of theirs."""
    taken = outbox.take_due(session, now=now)
    return [message.subject for message in taken if message.account_id == account.id]


def test_a_message_is_not_due_while_its_writer_may_still_deliver_it(
    session: Session, account: Account
) -> None:
    outbox.append(session, account_id=account.id, kind=outbox.CHANGED, subject="1", now=NOW)
    assert due(session, account, NOW) == []


def test_a_taken_message_is_put_off_and_comes_again_until_it_is_discarded(
    session: Session, account: Account
) -> None:
    outbox.append(session, account_id=account.id, kind=outbox.CHANGED, subject="1", now=NOW)
    later = NOW + timedelta(seconds=6)
    assert due(session, account, later) == ["1"]
    assert due(session, account, later) == []
    assert due(session, account, later + timedelta(seconds=6)) == ["1"]
    session.execute(outbox.discarding(account_id=account.id, kind=outbox.CHANGED, subject="1"))
    assert due(session, account, later + timedelta(seconds=60)) == []
