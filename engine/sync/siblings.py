"""Siblings: refused concurrent versions, stored until a write covers them."""

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

from engine.store.account_scope import AccountScope, AgentScope
from engine.store.sync import SyncSibling, SyncState
from engine.sync import clock
from engine.sync.change import Change, Entity
from engine.sync.clock import Clock

PER_ENTITY_MAX = 8


@dataclass(frozen=True, slots=True)
class SiblingVersion:
    """Sibling with the agent that wrote it."""

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
        """Return the SHA-256 of the data."""
        return hashlib.sha256(self.encrypted_data.encode()).digest()

    def is_covered_by(self, other: Clock) -> bool:
        """Tell whether a write under the clock `other` has seen this version.

        The dot is the counter of the version's own agent. It names one write among all (Preguiça
        et al. 2012): a clock that counts up to it covers the version. A version without a dot is
        covered by a clock that descends from its whole clock.
        """
        dot = self.clock.get(self.agent_id)
        if dot is None:
            return clock.descends(other, self.clock)
        return other.get(self.agent_id, 0) >= dot

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that clients receive."""
        return {
            "encryptedData": self.encrypted_data,
            "version": self.version,
            "vectorClock": self.clock,
            "agentId": self.agent_id,
            "deleted": self.deleted,
        }


def find_siblings(
    scope: AccountScope, entities: Iterable[Entity]
) -> dict[Entity, list[SiblingVersion]]:
    """Return the siblings of those entities that have any, oldest first."""
    by_entity: dict[Entity, list[SiblingVersion]] = {}
    keys = list(entities)
    if not keys:
        return by_entity
    query = select(SyncSibling).where(
        SyncSibling.account_id == scope.account_id,
        tuple_(SyncSibling.type, SyncSibling.entity_id).in_(keys),
    )
    for row in scope.session.scalars(query.order_by(SyncSibling.created_at, SyncSibling.id)):
        by_entity.setdefault((row.type, row.entity_id), []).append(_sibling_version(row))
    return by_entity


def list_conflicts(scope: AccountScope, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Return up to `limit` entities with siblings, oldest first, and whether more follow."""
    since = func.min(SyncSibling.created_at).label("since")
    query = (
        select(SyncSibling.type, SyncSibling.entity_id, func.count().label("siblings"), since)
        .where(SyncSibling.account_id == scope.account_id)
        .group_by(SyncSibling.type, SyncSibling.entity_id)
        .order_by(since, SyncSibling.type, SyncSibling.entity_id)
        .limit(limit + 1)
    )
    conflicts = [
        {"type": row.type, "entityId": row.entity_id, "siblings": row.siblings, "since": row.since}
        for row in scope.session.execute(query)
    ]
    return conflicts[:limit], len(conflicts) > limit


def add_sibling(
    scope: AgentScope, change: Change, siblings: Sequence[SiblingVersion]
) -> list[SiblingVersion]:
    """Store a refused change beside the entity's `siblings`; return all of them.

    Nothing is written when one of them has the same clock, or when there are PER_ENTITY_MAX.
    """
    if len(siblings) >= PER_ENTITY_MAX or any(
        sibling.clock == change.clock for sibling in siblings
    ):
        return list(siblings)
    row = SyncSibling(
        id=uuid7(),
        account_id=scope.account_id,
        type=change.type,
        entity_id=change.entity_id,
        version=change.version,
        clock=dict(change.clock),
        encrypted_data=change.encrypted_data,
        agent_id=scope.agent_id,
        deleted=change.deleted,
        created_at=scope.now,
    )
    scope.session.add(row)
    scope.session.flush()
    _add_to_count(scope.session, scope.account_id, change.entity, 1)
    return [*siblings, _sibling_version(row)]


def delete_covered(
    session: Session, siblings: Sequence[SiblingVersion], write_clock: Clock
) -> list[SiblingVersion]:
    """Delete the siblings that a write under `write_clock` covers; return the others."""
    covered_ids = [sibling.id for sibling in siblings if sibling.is_covered_by(write_clock)]
    if covered_ids:
        session.execute(delete(SyncSibling).where(SyncSibling.id.in_(covered_ids)))
    return [sibling for sibling in siblings if sibling.id not in covered_ids]


def delete_older(session: Session, *, before: datetime) -> int:
    """Delete the siblings of all accounts that were stored before a time; return their number.

    It locks their entities first, as every writer does, so that no two wait for each other.
    """
    is_old = SyncSibling.created_at < before
    columns = SyncSibling.account_id, SyncSibling.type, SyncSibling.entity_id
    key = tuple_(SyncState.account_id, SyncState.type, SyncState.entity_id)
    lock = select(SyncState.stamp).where(key.in_(select(*columns).where(is_old))).order_by(key)
    session.execute(lock.with_for_update()).all()
    rows = session.execute(delete(SyncSibling).where(is_old).returning(*columns)).all()
    for account_id, kind, entity_id in rows:
        _add_to_count(session, account_id, (kind, entity_id), -1)
    return len(rows)


def _add_to_count(session: Session, account_id: UUID, entity: Entity, difference: int) -> None:
    session.execute(
        update(SyncState)
        .where(
            SyncState.account_id == account_id,
            SyncState.type == entity[0],
            SyncState.entity_id == entity[1],
        )
        .values(sibling_count=func.greatest(0, SyncState.sibling_count + difference))
        .execution_options(synchronize_session=False)
    )


def _sibling_version(row: SyncSibling) -> SiblingVersion:
    return SiblingVersion(
        row.type,
        row.entity_id,
        row.encrypted_data,
        row.version,
        row.clock,
        row.agent_id,
        row.deleted,
        row.id,
    )
