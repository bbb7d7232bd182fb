"""Transactional outbox: what must reach Dramatiq or Temporal is first a row of the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Delete,
    Index,
    String,
    Table,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.contracts.outbox_messages import KINDS, Message
from engine.observability import tracing
from engine.store.declarative import Base

BATCH_MAX = 100  # rows that a relay takes at once
DELAY_SECONDS = 5.0  # within these the writer may deliver a message itself
WAKE = "outbox"  # Redis channel that wakes the relay


class OutboxMessage(Base):
    """Row of a message to Dramatiq or Temporal, of the transaction that makes the message true."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "kind", "account_id", "subject"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account_id: Mapped[UUID]  # no foreign key: the message of a deletion outlives the account
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64))  # see `engine.contracts.outbox_messages`
    created_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime] = mapped_column(index=True)  # from then on the relay delivers it
    traceparent: Mapped[str | None] = mapped_column(String(55))  # W3C Trace Context of the writer

    @property
    def message(self) -> Message:
        """Return the message as a typed value.

        :raises ValueError: when kind or subject is none of ours.
        """
        return KINDS[self.kind].parse(self.account_id, self.subject)


# Built once: building the statement takes SQLAlchemy longer than running it takes the server.
MESSAGES = OutboxMessage.__table__.c
TAKE_ALL = (
    delete(cast("Table", OutboxMessage.__table__))
    .where(MESSAGES.account_id == bindparam("account_id"), MESSAGES.kind == bindparam("kind"))
    .returning(MESSAGES.subject)
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Number of rows of a kind, and for how many seconds the oldest one has been due."""

    messages: int
    oldest_seconds: float


def append(
    session: Session, message: Message, *, now: datetime, delay_seconds: float = DELAY_SECONDS
) -> None:
    """Add a message to the caller's transaction; the relay delivers it from `delay_seconds` on.

    The delay gives the writer time to deliver the message itself and to delete its row.
    """
    session.add(
        OutboxMessage(
            account_id=message.account_id,
            kind=message.kind,
            subject=message.subject,
            created_at=now,
            due_at=now + timedelta(seconds=delay_seconds),
            traceparent=tracing.traceparent(),
        )
    )


def deletion(message: Message) -> Delete:
    """Return the statement that deletes the rows of a delivered message."""
    return delete(OutboxMessage).where(
        OutboxMessage.kind == message.kind,
        OutboxMessage.account_id == message.account_id,
        OutboxMessage.subject == message.subject,
    )


def take_due(
    session: Session, *, now: datetime, retry_seconds: float = 5.0, limit: int = BATCH_MAX
) -> Sequence[OutboxMessage]:
    """Return up to `limit` due rows, oldest first, and postpone each by `retry_seconds`.

    Relays may run side by side: each skips rows that another one has locked. Delivery is at least
    once, so every receiver is idempotent.
    """
    due = list(
        session.scalars(
            select(OutboxMessage)
            .where(OutboxMessage.due_at <= now)
            .order_by(OutboxMessage.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_([message.id for message in due]))
        .values(due_at=now + timedelta(seconds=retry_seconds))
        .execution_options(synchronize_session=False)
    )
    return due


def backlogs(session: Session, *, now: datetime) -> dict[str, Backlog]:
    """Return the backlog of each kind.

    An undelivered message counts from when it was first due, not from its next try.
    """
    rows = session.execute(
        select(MESSAGES.kind, func.count(), func.min(MESSAGES.created_at)).group_by(MESSAGES.kind)
    )
    waiting = {kind: Backlog(count, _overdue(now - oldest)) for kind, count, oldest in rows}
    return {kind: Backlog(0, 0.0) for kind in KINDS} | waiting


def _overdue(age: timedelta) -> float:
    return max(0.0, age.total_seconds() - DELAY_SECONDS)


def take_all(session: Session, *, account_id: UUID, kind: str) -> Sequence[str]:
    """Delete an account's rows of a kind and return their subjects; deliver them before the commit.

    A second caller waits for that commit and then finds none.
    """
    return session.scalars(TAKE_ALL, {"account_id": account_id, "kind": kind}).all()


def make_due(session: Session, row_id: int, *, at: datetime) -> None:
    """Make a row that was taken due again at another time."""
    session.execute(update(OutboxMessage).where(OutboxMessage.id == row_id).values(due_at=at))


def delete_rows(session: Session, ids: Iterable[int]) -> None:
    """Delete the rows of delivered messages, by their ids."""
    session.execute(
        delete(OutboxMessage)
        .where(OutboxMessage.id.in_(ids))
        .execution_options(synchronize_session=False)
    )
