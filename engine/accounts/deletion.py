"""Erasing an account: its rows, its key, and then what Temporal keeps of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from engine.contracts.outbox_messages import AccountErasure
from engine.store import outbox
from engine.store.accounts import Account
from engine.store.outbox import OutboxMessage


def erase(session: Session, *, account_id: UUID, now: datetime) -> None:
    """Delete an account and all that is its own.

    Its key goes with it, so that what was sealed under it opens no more wherever a copy is left
    (crypto-shredding); its histories in Temporal are erased by the relay.
    """
    session.execute(delete(OutboxMessage).where(OutboxMessage.account_id == account_id))
    session.execute(delete(Account).where(Account.id == account_id))
    outbox.append(session, AccountErasure(account_id), now=now, delay_seconds=0)
