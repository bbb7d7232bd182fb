"""Who listens for what in an account: types of event, under a keyed digest that says nothing by itself."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ScalarSelect, delete, distinct, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.language.cloud_events import ANY_TYPE
from engine.store.events import Listener
from engine.store.executions import Execution

_PURPOSE = b"routing of events"
_KEY_CHARACTERS = 32


def routing_key(account_key: bytes, kind: str) -> str:
    """Return what a type of event is called in an account's rows (HMAC-SHA-256, RFC 2104)."""
    if kind == ANY_TYPE:
        return ANY_TYPE
    own = hmac.digest(account_key, _PURPOSE, hashlib.sha256)
    return hmac.digest(own, kind.encode(), hashlib.sha256).hex()[:_KEY_CHARACTERS]


def register(
    session: Session,
    *,
    account_id: UUID,
    definition_id: UUID,
    workflow_id: str,
    keys: Collection[str],
    now: datetime,
) -> None:
    """Have events of these routing keys delivered to a workflow until it ends."""
    rows = [
        {
            "workflow_id": workflow_id,
            "key": key,
            "account_id": account_id,
            "definition_id": definition_id,
            "created_at": now,
        }
        for key in sorted(keys)
    ]
    if rows:
        session.execute(insert(Listener).values(rows).on_conflict_do_nothing())


def of(session: Session, *, account_id: UUID, keys: Collection[str]) -> Sequence[Listener]:
    """Return an account's listeners for any of the routing keys."""
    wanted = select(Listener).where(Listener.account_id == account_id, Listener.key.in_(keys))
    return session.scalars(wanted.order_by(Listener.workflow_id)).all()


def elsewhere() -> ScalarSelect[list[str] | None]:
    """Return, as a column beside an execution, the routing keys that its account's other definitions hear.

    It is none where there are none. A query of its own would cost more than what it finds.
    """
    keys = select(func.array_agg(distinct(Listener.key))).where(
        Listener.account_id == Execution.account_id,
        Listener.definition_id != Execution.definition_id,
    )
    return keys.correlate(Execution).scalar_subquery()


def discard(session: Session, workflow_ids: Collection[str]) -> None:
    """Deliver nothing to these workflows any more."""
    session.execute(delete(Listener).where(Listener.workflow_id.in_(workflow_ids)))
