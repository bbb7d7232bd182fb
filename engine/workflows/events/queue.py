"""Queue of events: stored as JWEs from acceptance until every listener has them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Delete, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.errors import UnavailableError
from engine.store.account_scope import AccountScope
from engine.store.events import Event
from engine.sync.change import QUOTA_BYTES
from engine.workflows import storage_quota

WAKE = "events"  # Redis channel that wakes the routers
PENDING_MAX = 10_000  # events of an account that may wait for the router
RETENTION = timedelta(days=1)  # how long the id of a routed event is remembered


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """Event as a JWE to the engine, under a key that repeated deliveries share."""

    key: UUID
    jwe: str
    lifecycle: bool = False


def accept(
    scope: AccountScope,
    events: Sequence[SealedEvent],
    *,
    execution_id: UUID | None = None,
    quota_bytes: int = QUOTA_BYTES,
) -> None:
    """Store a client's events, for all listeners of the account or for one execution.

    :raises ForbiddenError: `quota_exceeded`.
    :raises UnavailableError: `events_waiting`, when PENDING_MAX events wait already.
    """
    growth = sum(len(event.jwe) for event in events)
    storage_quota.require_room(scope, growth, rows=len(events), quota_bytes=quota_bytes)
    pending = select(func.count()).where(
        Event.account_id == scope.account_id, Event.routed_at.is_(None)
    )
    if (scope.session.scalar(pending) or 0) + len(events) > PENDING_MAX:
        raise UnavailableError("events_waiting", f"{PENDING_MAX} events are waiting already.")
    store(scope, events, execution_id=execution_id)


def store(
    scope: AccountScope,
    events: Sequence[SealedEvent],
    *,
    execution_id: UUID | None = None,
    definition_id: UUID | None = None,
) -> None:
    """Store events, each once however often this is tried.

    `execution_id` is the only receiver, `definition_id` the source.
    """
    rows = [
        {
            "id": event.key,
            "account_id": scope.account_id,
            "execution_id": execution_id,
            "definition_id": definition_id,
            "lifecycle": event.lifecycle,
            "sealed": event.jwe,
            "created_at": scope.now,
        }
        for event in events
    ]
    if rows:
        statement = insert(Event).values(rows)
        scope.session.execute(statement.on_conflict_do_nothing(index_elements=[Event.id]))


def list_accounts(
    session: Session, *, besides: Collection[UUID] = (), limit: int = 50
) -> Sequence[UUID]:
    """Return other accounts with events to be routed, the longest waiting first."""
    first = func.min(Event.number)
    pending = select(Event.account_id).where(
        Event.routed_at.is_(None), Event.account_id.not_in(besides)
    )
    return session.scalars(pending.group_by(Event.account_id).order_by(first).limit(limit)).all()


def take(scope: AccountScope, *, limit: int) -> Sequence[Event]:
    """Return an account's oldest events and lock the account's queue until the transaction ends.

    Return none while another router has the lock: two routers would deliver out of order.
    """
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(f"events:{scope.account_id}", 0))
    if not scope.session.scalar(select(lock)):
        return []
    pending = select(Event).where(Event.account_id == scope.account_id, Event.routed_at.is_(None))
    return scope.session.scalars(pending.order_by(Event.number).limit(limit)).all()


def mark_routed(session: Session, ids: Sequence[UUID], *, now: datetime) -> None:
    """Delete the content of routed events; their ids stay for RETENTION."""
    session.execute(
        update(Event)
        .where(Event.id.in_(ids))
        .values(routed_at=now, sealed=None)
        .execution_options(synchronize_session=False)
    )


def expiry(*, now: datetime) -> Delete:
    """Return the statement that deletes events that were routed long enough ago."""
    return delete(Event).where(Event.routed_at < now - RETENTION)
