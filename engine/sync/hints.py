"""Hints: a change told on Redis right after its commit, best effort, ahead of the notice that is sure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from engine.store.models import SyncState
from engine.sync import stamp
from engine.sync.change import Change


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel of an account's hints."""
    return f"hints:{account_id}"


def written(session: Session, *, account_id: UUID, changes: Sequence[Change]) -> dict[str, int]:
    """Return by type the newest stamp of changes that have been committed, or of what has replaced them."""
    query = select(SyncState.type, func.max(SyncState.stamp).label("newest")).where(
        SyncState.account_id == account_id,
        tuple_(SyncState.type, SyncState.entity_id).in_([change.entity for change in changes]),
    )
    return {row.type: row.newest for row in session.execute(query.group_by(SyncState.type))}


def told(*, agent_id: str, head: int, types: Sequence[str]) -> str:
    """Return the hint that an agent has changed states of these types, up to the stamp `head`."""
    return json.dumps({"by": agent_id, "head": stamp.text(head), "types": list(types)})
