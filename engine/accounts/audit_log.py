"""Security events of an account: written in the transaction that makes them true, told to its agents."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.contracts.outbox_messages import SecurityNotice
from engine.store import outbox
from engine.store.accounts import AuditEvent


@dataclass(frozen=True, slots=True)
class Actor:
    """In whose account, in which session and by which agent something happened."""

    account_id: UUID
    session_id: UUID | None = None
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """Some events, newest first."""

    events: Sequence[AuditEvent]
    has_more: bool


def record(session: Session, actor: Actor, kind: str, *, now: datetime) -> None:
    """Add an event, which the account's other agents are told; never a secret or an address."""
    event = AuditEvent(
        id=uuid7(),
        account_id=actor.account_id,
        kind=kind,
        session_id=actor.session_id,
        agent_id=actor.agent_id,
        at=now,
    )
    session.add(event)
    outbox.append(session, SecurityNotice(actor.account_id, event.id), now=now, delay_seconds=0)


def browse(session: Session, *, account_id: UUID, limit: int, before: UUID | None = None) -> Trail:
    """Return up to `limit` events, newest first, older than the event `before`."""
    query = select(AuditEvent).where(AuditEvent.account_id == account_id)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    found = session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit + 1)).all()
    return Trail(found[:limit], len(found) > limit)


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel of an account's security events."""
    return f"security:{account_id}"


def deliver(session: Session, publish: Callable[[str, str], object], *, account_id: UUID) -> None:
    """Tell the account's live agents of the events that wait in the outbox, oldest first."""
    subjects = outbox.take_all(session, account_id=account_id, kind=SecurityNotice.kind)
    if not subjects:
        return
    ids = [SecurityNotice.parse(account_id, subject).event_id for subject in subjects]
    query = select(AuditEvent).where(AuditEvent.id.in_(ids))
    for event in session.scalars(query.order_by(AuditEvent.id)):
        told = {
            "id": str(event.id),
            "kind": event.kind,
            "sessionId": event.session_id and str(event.session_id),
        }
        publish(channel(account_id), json.dumps(told))
