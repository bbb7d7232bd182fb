"""Events on their way: kept sealed from the moment they are accepted until everybody who listens has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Delete, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.errors import UnavailableError
from engine.store.events import Event

WAKE = "events"  # the Redis channel on which routers are woken
PENDING_MAX = 10_000  # events of an account that may wait for their router
LASTS = timedelta(days=1)  # how long it is known that an event has been routed


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event sealed to the engine, under a key that a second handing over of it has as well."""

    key: UUID
    sealed: str
    lifecycle: bool = False


def accept(
    session: Session,
    *,
    account_id: UUID,
    events: Sequence[Sealed],
    now: datetime,
    execution_id: UUID | None = None,
) -> None:
    """Take an account's events in, for all that listen in it or for one execution.

    :raises UnavailableError: `events_waiting`, when too many have not been routed yet.
    """
    waiting = select(func.count()).where(Event.account_id == account_id, Event.routed_at.is_(None))
    if (session.scalar(waiting) or 0) + len(events) > PENDING_MAX:
        raise UnavailableError("events_waiting", f"{PENDING_MAX} events are waiting already.")
    keep(session, account_id=account_id, events=events, now=now, execution_id=execution_id)


def keep(
    session: Session,
    *,
    account_id: UUID,
    events: Sequence[Sealed],
    now: datetime,
    execution_id: UUID | None = None,
    definition_id: UUID | None = None,
) -> None:
    """Write events down, each once however often this is tried; `definition_id` says whose they are."""
    rows = [
        {
            "id": event.key,
            "account_id": account_id,
            "execution_id": execution_id,
            "definition_id": definition_id,
            "lifecycle": event.lifecycle,
            "sealed": event.sealed,
            "created_at": now,
        }
        for event in events
    ]
    if rows:
        session.execute(
            insert(Event).values(rows).on_conflict_do_nothing(index_elements=[Event.id])
        )


def accounts_waiting(session: Session, *, limit: int = 50) -> Sequence[UUID]:
    """Return accounts with events to be routed, those that have waited longest first."""
    first = func.min(Event.number)
    waiting = select(Event.account_id).where(Event.routed_at.is_(None))
    return session.scalars(waiting.group_by(Event.account_id).order_by(first).limit(limit)).all()


def take(session: Session, *, account_id: UUID, limit: int) -> Sequence[Event]:
    """Return an account's oldest events until the transaction ends, or none while another router has them.

    The lock is the account's: two routers would deliver out of order.
    """
    mine = func.pg_try_advisory_xact_lock(func.hashtextextended(f"events:{account_id}", 0))
    if not session.scalar(select(mine)):
        return []
    waiting = select(Event).where(Event.account_id == account_id, Event.routed_at.is_(None))
    return session.scalars(waiting.order_by(Event.number).limit(limit)).all()


def routed(session: Session, ids: Sequence[UUID], *, now: datetime) -> None:
    """Forget what events held; that they were routed is known for a while."""
    session.execute(
        update(Event)
        .where(Event.id.in_(ids))
        .values(routed_at=now, sealed=None)
        .execution_options(synchronize_session=False)
    )


def spent(*, now: datetime) -> Delete:
    """Return the statement that deletes what was routed long enough ago."""
    return delete(Event).where(Event.routed_at < now - LASTS)
