"""Siblings: concurrent versions that were refused and are kept until a write has seen them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.store.sync import SyncSibling, SyncState
from engine.sync import clock
from engine.sync.change import Change, Entity
from engine.sync.clock import Clock

PER_ENTITY_MAX = 8


@dataclass(frozen=True, slots=True)
class Sibling:
    """A kept version and the agent that wrote it."""

    type: str
    entity_id: str
    encrypted_data: str
    version: str
    clock: Clock
    agent_id: str
    deleted: bool
    id: UUID

    @property
    def data_hash(self) -> bytes:
        """SHA-256 of the data."""
        return hashlib.sha256(self.encrypted_data.encode()).digest()

    def covered(self, by: Clock) -> bool:
        """Tell whether a write under the clock `by` has seen it.

        Its dot, its own agent's counter, names it among all writes (Preguiça et al. 2012): who counts up
        to it has seen it, and with it whatever it had seen. One without a dot is seen by its whole clock.
        """
        dot = self.clock.get(self.agent_id)
        return clock.descends(by, self.clock) if dot is None else by.get(self.agent_id, 0) >= dot

    def told(self) -> dict[str, Any]:
        """Return it as clients see it."""
        return {
            "encryptedData": self.encrypted_data,
            "version": self.version,
            "vectorClock": self.clock,
            "agentId": self.agent_id,
            "deleted": self.deleted,
        }


def among(
    session: Session, account_id: UUID, entities: Iterable[Entity]
) -> dict[Entity, list[Sibling]]:
    """Return the siblings of those entities that have any, oldest first."""
    found: dict[Entity, list[Sibling]] = {}
    named = list(entities)
    if not named:
        return found
    query = select(SyncSibling).where(
        SyncSibling.account_id == account_id,
        tuple_(SyncSibling.type, SyncSibling.entity_id).in_(named),
    )
    for row in session.scalars(query.order_by(SyncSibling.created_at, SyncSibling.id)):
        found.setdefault((row.type, row.entity_id), []).append(_sibling(row))
    return found


def contested(
    session: Session, *, account_id: UUID, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Return up to `limit` entities that have siblings, the longest waiting first, and whether more do."""
    since = func.min(SyncSibling.created_at).label("since")
    query = (
        select(SyncSibling.type, SyncSibling.entity_id, func.count().label("siblings"), since)
        .where(SyncSibling.account_id == account_id)
        .group_by(SyncSibling.type, SyncSibling.entity_id)
        .order_by(since, SyncSibling.type, SyncSibling.entity_id)
        .limit(limit + 1)
    )
    found = [
        {"type": row.type, "entityId": row.entity_id, "siblings": row.siblings, "since": row.since}
        for row in session.execute(query)
    ]
    return found[:limit], len(found) > limit


def keep(
    session: Session,
    account_id: UUID,
    agent_id: str,
    *,
    change: Change,
    kept: Sequence[Sibling],
    now: datetime,
) -> list[Sibling]:
    """Keep a refused version unless it is kept already or the entity has PER_ENTITY_MAX; return all kept."""
    if len(kept) >= PER_ENTITY_MAX or any(one.clock == change.clock for one in kept):
        return list(kept)
    row = SyncSibling(
        id=uuid7(),
        account_id=account_id,
        type=change.type,
        entity_id=change.entity_id,
        version=change.version,
        clock=dict(change.clock),
        encrypted_data=change.encrypted_data,
        agent_id=agent_id,
        deleted=change.deleted,
        created_at=now,
    )
    session.add(row)
    session.flush()
    _count(session, account_id, change.entity, 1)
    return [*kept, _sibling(row)]


def clear(session: Session, kept: Sequence[Sibling], by: Clock) -> list[Sibling]:
    """Delete the siblings that a write under the clock `by` has seen; return those it has not."""
    seen = [one.id for one in kept if one.covered(by)]
    if seen:
        session.execute(delete(SyncSibling).where(SyncSibling.id.in_(seen)))
    return [one for one in kept if one.id not in seen]


def expire(session: Session, *, before: datetime) -> int:
    """Delete the siblings of all accounts that were kept before a time; return how many.

    Their entities are locked first, as by every writer, so that none of the two waits for the other.
    """
    old = SyncSibling.created_at < before
    theirs = select(SyncSibling.account_id, SyncSibling.type, SyncSibling.entity_id).where(old)
    key = tuple_(SyncState.account_id, SyncState.type, SyncState.entity_id)
    locked = select(SyncState.stamp).where(key.in_(theirs)).order_by(key).with_for_update()
    session.execute(locked).all()
    gone = delete(SyncSibling).where(old)
    rows = session.execute(
        gone.returning(SyncSibling.account_id, SyncSibling.type, SyncSibling.entity_id)
    ).all()
    for account_id, kind, entity_id in rows:
        _count(session, account_id, (kind, entity_id), -1)
    return len(rows)


def _count(session: Session, account_id: UUID, entity: Entity, more: int) -> None:
    session.execute(
        update(SyncState)
        .where(
            SyncState.account_id == account_id,
            SyncState.type == entity[0],
            SyncState.entity_id == entity[1],
        )
        .values(kept=func.greatest(0, SyncState.kept + more))
        .execution_options(synchronize_session=False)
    )


def _sibling(row: SyncSibling) -> Sibling:
    return Sibling(
        row.type,
        row.entity_id,
        row.encrypted_data,
        row.version,
        row.clock,
        row.agent_id,
        row.deleted,
        row.id,
    )
