"""Audit log: the security events of an account, which its agents receive as live notices.

An event is written in the same transaction as the change that it reports.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.contracts.outbox_messages import SecurityNotice
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import AuditEvent


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Page of audit events, newest first."""

    events: Sequence[AuditEvent]
    has_more: bool


def record(
    scope: AccountScope, kind: str, *, session_id: UUID | None = None, agent_id: str | None = None
) -> None:
    """Add an event and an outbox message that notifies the account's agents of it.

    An event never contains a secret or a network address.
    """
    event = AuditEvent(
        id=uuid7(),
        account_id=scope.account_id,
        kind=kind,
        session_id=session_id,
        agent_id=agent_id,
        at=scope.now,
    )
    scope.session.add(event)
    message = SecurityNotice(scope.account_id, event.id)
    outbox.append(scope.session, message, now=scope.now, delay_seconds=0)


def list_events(scope: AccountScope, *, limit: int, before: UUID | None = None) -> AuditPage:
    """Return up to `limit` events, newest first, that are older than the event `before`."""
    query = select(AuditEvent).where(AuditEvent.account_id == scope.account_id)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    events = scope.session.scalars(query.order_by(AuditEvent.id.desc()).limit(limit + 1)).all()
    return AuditPage(events[:limit], len(events) > limit)


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel of an account's security events."""
    return f"security:{account_id}"


def deliver(session: Session, publish: Callable[[str, str], object], *, account_id: UUID) -> None:
    """Publish the account's events that are in the outbox to its live streams, oldest first."""
    subjects = outbox.take_all(session, account_id=account_id, kind=SecurityNotice.kind)
    if not subjects:
        return
    ids = [SecurityNotice.parse(account_id, subject).event_id for subject in subjects]
    query = select(AuditEvent).where(AuditEvent.id.in_(ids))
    for event in session.scalars(query.order_by(AuditEvent.id)):
        notice = {
            "id": str(event.id),
            "kind": event.kind,
            "sessionId": event.session_id and str(event.session_id),
        }
        publish(channel(account_id), json.dumps(notice))
