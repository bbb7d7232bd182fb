"""Subscriptions: who in an account listens for which event types, by keyed digests of the types."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ScalarSelect, delete, distinct, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.language.cloud_events import ANY_TYPE
from engine.store.account_scope import AccountScope
from engine.store.events import Listener
from engine.store.executions import Execution

_PURPOSE = b"routing of events"
_KEY_CHARACTERS = 32


def routing_key(account_key: bytes, event_type: str) -> str:
    """Return the digest of an event type in an account's rows (HMAC-SHA-256, RFC 2104)."""
    if event_type == ANY_TYPE:
        return ANY_TYPE
    purpose_key = hmac.digest(account_key, _PURPOSE, hashlib.sha256)
    return hmac.digest(purpose_key, event_type.encode(), hashlib.sha256).hex()[:_KEY_CHARACTERS]


def register(
    scope: AccountScope, *, definition_id: UUID, workflow_id: str, keys: Collection[str]
) -> None:
    """Have events of these routing keys delivered to a workflow until it ends."""
    rows = [
        {
            "workflow_id": workflow_id,
            "key": key,
            "account_id": scope.account_id,
            "definition_id": definition_id,
            "created_at": scope.now,
        }
        for key in sorted(keys)
    ]
    if rows:
        scope.session.execute(insert(Listener).values(rows).on_conflict_do_nothing())


def list_listeners(scope: AccountScope, keys: Collection[str]) -> Sequence[Listener]:
    """Return an account's listeners for any of the routing keys."""
    query = select(Listener).where(Listener.account_id == scope.account_id, Listener.key.in_(keys))
    return scope.session.scalars(query.order_by(Listener.workflow_id)).all()


def keys_of_other_definitions() -> ScalarSelect[list[str] | None]:
    """Return a column beside an execution: the routing keys that other definitions listen for.

    It is null where there are none. A query of its own would cost more than its result is worth.
    """
    keys = select(func.array_agg(distinct(Listener.key))).where(
        Listener.account_id == Execution.account_id,
        Listener.definition_id != Execution.definition_id,
    )
    return keys.correlate(Execution).scalar_subquery()


def discard(session: Session, workflow_ids: Collection[str]) -> None:
    """End all subscriptions of these workflows."""
    session.execute(delete(Listener).where(Listener.workflow_id.in_(workflow_ids)))
