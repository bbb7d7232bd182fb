"""The only door out of a transaction: what must reach Dramatiq or Temporal is a row first."""

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

from engine.observability import tracing
from engine.store.declarative import Base

TAKEN_MOST = 100  # messages at once
DELAY_SECONDS = 5.0  # which a caller has for delivering a message itself
WAKE = "outbox"  # the Redis channel on which the relay is woken

CHANGED = "sync.changed"  # subject: the type of state
SECURITY = "account.security"  # subject: the audit event's id
ERASE = "account.erase"  # subject: the id of the account, which is no more
CHECK = "definition.check"  # subject: the definition's id, of a later version than the first `id:version`
UNSCHEDULE = "definition.unschedule"  # subject: the same, of the version whose schedule ends
EXECUTE = "execution.start"  # subject: the execution's id
CANCEL = "execution.cancel"  # subject: the execution's id
TERMINATE = "execution.terminate"  # subject: the execution's id
HOLD = "execution.hold"  # subject: the execution's id, and which of its words to pause or to go on
FORGET = "execution.forget"  # subject: the id of the execution, which is no more
FOLLOW = "schedule.follow"  # subject: the schedule's id; it may be no more
BACKFILL = "schedule.backfill"  # subject: the schedule's id and the times, see timetables.Gap
BULK = "bulk.work"  # subject: the job's id

KINDS = (
    *(CHANGED, SECURITY, ERASE, CHECK, UNSCHEDULE, EXECUTE, CANCEL, TERMINATE, HOLD),
    *(FORGET, FOLLOW, BACKFILL, BULK),
)


class OutboxMessage(Base):
    """Something to be carried to Dramatiq or Temporal, written in the transaction that made it true."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "kind", "account_id", "subject"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account_id: Mapped[UUID]  # which may be no more: that too has to be told
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64))  # a stamp or a UUID: ids only, never data
    created_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime] = mapped_column(index=True)  # when the relay should carry it
    traceparent: Mapped[str | None] = mapped_column(
        String(55)
    )  # of what it is sent for (W3C Trace Context)


# Built once: SQLAlchemy takes longer to put a statement together than the server to run this one.
MESSAGES = OutboxMessage.__table__.c
TAKE_ALL = (
    delete(cast("Table", OutboxMessage.__table__))
    .where(MESSAGES.account_id == bindparam("account_id"), MESSAGES.kind == bindparam("kind"))
    .returning(MESSAGES.subject)
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How many messages of a kind wait, and for how many seconds the oldest has been due."""

    messages: int
    oldest_seconds: float


def append(
    session: Session,
    *,
    account_id: UUID,
    kind: str,
    subject: str,
    now: datetime,
    delay_seconds: float = DELAY_SECONDS,
) -> None:
    """Add a message in the caller's transaction; the relay carries it once it is `delay_seconds` old.

    A delay leaves the caller time to deliver it itself, at once, and to delete it (`discarding`).
    """
    due_at = now + timedelta(seconds=delay_seconds)
    session.add(
        OutboxMessage(
            account_id=account_id,
            kind=kind,
            subject=subject,
            created_at=now,
            due_at=due_at,
            traceparent=tracing.traceparent(),
        )
    )


def discarding(*, account_id: UUID, kind: str, subject: str) -> Delete:
    """Return the statement that deletes a message that has been delivered."""
    return delete(OutboxMessage).where(
        OutboxMessage.kind == kind,
        OutboxMessage.account_id == account_id,
        OutboxMessage.subject == subject,
    )


def take_due(
    session: Session, *, now: datetime, retry_seconds: float = 5.0, limit: int = TAKEN_MOST
) -> Sequence[OutboxMessage]:
    """Lock up to `limit` due messages, put each off by `retry_seconds`, and return them oldest first.

    Relays may run side by side: a locked row is skipped (`FOR UPDATE SKIP LOCKED`). Delivery is at
    least once, so every receiver is idempotent.
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


def standing(session: Session, *, now: datetime) -> dict[str, Standing]:
    """Return how many messages of each kind there are, and for how long the oldest has been due.

    One that was offered and not delivered counts from when it was first due, not from its next try.
    """
    rows = session.execute(
        select(MESSAGES.kind, func.count(), func.min(MESSAGES.created_at)).group_by(MESSAGES.kind)
    )
    found = {kind: Standing(count, _overdue(now - oldest)) for kind, count, oldest in rows}
    return {kind: Standing(0, 0.0) for kind in KINDS} | found


def _overdue(age: timedelta) -> float:
    return max(0.0, age.total_seconds() - DELAY_SECONDS)


def take_all(session: Session, *, account_id: UUID, kind: str) -> Sequence[str]:
    """Delete an account's messages of a kind, to be delivered before the commit; return their subjects.

    Another that takes them at the same time waits for the commit, and finds none.
    """
    return session.scalars(TAKE_ALL, {"account_id": account_id, "kind": kind}).all()


def hasten(session: Session, message_id: int, *, now: datetime) -> None:
    """Have a message that has been taken be due again now."""
    session.execute(update(OutboxMessage).where(OutboxMessage.id == message_id).values(due_at=now))


def done(session: Session, ids: Iterable[int]) -> None:
    """Delete messages that have been delivered, by id."""
    session.execute(
        delete(OutboxMessage)
        .where(OutboxMessage.id.in_(ids))
        .execution_options(synchronize_session=False)
    )
