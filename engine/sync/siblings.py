"""Siblings: refused concurrent versions, stored until a write covers them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    RowMapping,
    delete,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.store.account_scope import AccountScope, AgentScope
from engine.store.sync import SyncSibling, SyncState
from engine.sync import clock, stored_bytes
from engine.sync.change import Change, Entity
from engine.sync.clock import Clock

PER_ENTITY_MAX = 8
SIBLINGS = SyncSibling.__table__


# All columns but the data, which is read for answers alone.
LABELS = (
    SIBLINGS.c.id,
    SIBLINGS.c.type,
    SIBLINGS.c.entity_id,
    SIBLINGS.c.version,
    SIBLINGS.c.clock,
    SIBLINGS.c.agent_id,
    SIBLINGS.c.deleted,
    SIBLINGS.c.data_hash,
)


@dataclass(frozen=True, slots=True)
class SiblingVersion:
    """Sibling without its data, with the agent that wrote it."""

    type: str
    entity_id: str
    version: str
    clock: Clock
    agent_id: str
    deleted: bool
    id: UUID
    data_hash: bytes
    size: int  # bytes of the data

    @property
    def stored_bytes(self) -> int:
        """Return what the row counts against the quota."""
        entity = self.type, self.entity_id
        return stored_bytes.of_version(entity, self.version, self.clock, self.size)

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


def find_siblings(
    scope: AccountScope, entities: Iterable[Entity]
) -> dict[Entity, list[SiblingVersion]]:
    """Return the siblings of those entities that have any, oldest first."""
    by_entity: dict[Entity, list[SiblingVersion]] = {}
    size = func.octet_length(SIBLINGS.c.encrypted_data).label("size")
    for row in _find_rows(scope, entities, *LABELS, size):
        sibling = SiblingVersion(**row)
        by_entity.setdefault((sibling.type, sibling.entity_id), []).append(sibling)
    return by_entity


def read_siblings(
    scope: AccountScope, entities: Iterable[Entity]
) -> dict[Entity, list[dict[str, Any]]]:
    """Return the siblings of those entities that have any, with their data, as clients get them."""
    by_entity: dict[Entity, list[dict[str, Any]]] = {}
    for row in _find_rows(scope, entities, *LABELS, SIBLINGS.c.encrypted_data):
        sibling = {
            "encryptedData": row["encrypted_data"],
            "version": row["version"],
            "vectorClock": row["clock"],
            "agentId": row["agent_id"],
            "deleted": row["deleted"],
        }
        by_entity.setdefault((row["type"], row["entity_id"]), []).append(sibling)
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
        data_hash=change.data_hash,
        agent_id=scope.agent_id,
        deleted=change.deleted,
        created_at=scope.now,
    )
    scope.session.add(row)
    scope.session.flush()
    _add_to_count(scope.session, scope.account_id, change.entity, 1)
    sibling = SiblingVersion(
        row.type,
        row.entity_id,
        row.version,
        row.clock,
        row.agent_id,
        row.deleted,
        row.id,
        row.data_hash,
        change.size,
    )
    return [*siblings, sibling]


def find_covered(siblings: Sequence[SiblingVersion], write_clock: Clock) -> list[SiblingVersion]:
    """Return the siblings that a write under `write_clock` covers."""
    return [sibling for sibling in siblings if sibling.is_covered_by(write_clock)]


def delete_covered(
    session: Session, siblings: Sequence[SiblingVersion], write_clock: Clock
) -> list[SiblingVersion]:
    """Delete the siblings that a write under `write_clock` covers; return the others."""
    covered_ids = [sibling.id for sibling in find_covered(siblings, write_clock)]
    if covered_ids:
        session.execute(delete(SyncSibling).where(SyncSibling.id.in_(covered_ids)))
    return [sibling for sibling in siblings if sibling.id not in covered_ids]


def delete_older(session: Session, *, before: datetime) -> Counter[UUID]:
    """Delete the siblings of all accounts that were stored before a time.

    Return the stored bytes that each account lost, for its head. The entities are locked first, as
    every writer does, so that no two wait for each other.
    """
    is_old = SyncSibling.created_at < before
    columns = SyncSibling.account_id, SyncSibling.type, SyncSibling.entity_id
    key = tuple_(SyncState.account_id, SyncState.type, SyncState.entity_id)
    lock = select(SyncState.stamp).where(key.in_(select(*columns).where(is_old))).order_by(key)
    session.execute(lock.with_for_update()).all()
    size = literal_column(stored_bytes.VERSION_SQL, BigInteger())
    lost_bytes: Counter[UUID] = Counter()
    for account_id, kind, entity_id, row_bytes in session.execute(
        delete(SyncSibling)
        .where(is_old)
        .returning(*columns, size)
        .execution_options(synchronize_session=False)
    ).all():
        _add_to_count(session, account_id, (kind, entity_id), -1)
        lost_bytes[account_id] += row_bytes
    return lost_bytes


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


def _find_rows(
    scope: AccountScope, entities: Iterable[Entity], *columns: ColumnElement[Any]
) -> Sequence[RowMapping]:
    """Return columns of the siblings of entities, oldest first."""
    keys = list(entities)
    if not keys:
        return []
    query = select(*columns).where(
        SIBLINGS.c.account_id == scope.account_id,
        tuple_(SIBLINGS.c.type, SIBLINGS.c.entity_id).in_(keys),
    )
    in_order = query.order_by(SIBLINGS.c.created_at, SIBLINGS.c.id)
    return scope.session.execute(in_order).mappings().all()
