"""Reading one entity: its current version, its siblings, and the versions before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.errors import NotFoundError
from engine.store.sync import SyncChange, SyncPast, SyncState
from engine.sync import siblings
from engine.sync.change import Entity

STATES, CHANGES, PASTS = SyncState.__table__.c, SyncChange.__table__.c, SyncPast.__table__.c


def current(session: Session, account_id: UUID, entity: Entity) -> dict[str, Any] | None:
    """Return an entity's current version with its siblings, or nothing before its first."""
    query = select(SyncState.__table__).where(
        STATES.account_id == account_id, STATES.type == entity[0], STATES.entity_id == entity[1]
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    kept = siblings.among(session, account_id, [entity]) if row.kept else {}
    return told(row, kept)


def find(session: Session, *, account_id: UUID, entity: Entity) -> dict[str, Any]:
    """Return an entity's current version with its siblings.

    :raises NotFoundError: when the account has no such entity.
    """
    found = current(session, account_id, entity)
    if found is None:
        raise NotFoundError("state_unknown", "There is no such state.")
    return found


def history(
    session: Session, *, account_id: UUID, entity: Entity, limit: int
) -> list[dict[str, Any]]:
    """Return up to `limit` versions of an entity that are still kept, the current one first.

    :raises NotFoundError: when the account has no such entity.
    """
    now = find(session, account_id=account_id, entity=entity)
    query = (
        select(SyncChange.__table__, PASTS.encrypted_data)
        .join_from(
            SyncChange.__table__,
            SyncPast.__table__,
            (PASTS.account_id == CHANGES.account_id) & (PASTS.stamp == CHANGES.stamp),
        )
        .where(
            PASTS.account_id == account_id, PASTS.type == entity[0], PASTS.entity_id == entity[1]
        )
        .order_by(PASTS.stamp.desc())
        .limit(max(0, limit - 1))
    )
    versions = [{name: value for name, value in now.items() if name != "siblings"}]
    return versions + [version(row) for row in session.execute(query)]


def version(row: Row[Any]) -> dict[str, Any]:
    """Return a version as clients see it."""
    return {
        "type": row.type,
        "entityId": row.entity_id,
        "encryptedData": row.encrypted_data,
        "version": row.version,
        "updatedAt": timestamps.text(row.stamp),
        "vectorClock": row.clock,
        "agentId": row.agent_id,
        "deleted": row.deleted,
    }


def told(row: Row[Any], kept: dict[Entity, list[siblings.Sibling]]) -> dict[str, Any]:
    """Return a current version as clients see it, with those of some siblings that are its own."""
    return version(row) | {
        "siblings": [one.told() for one in kept.get((row.type, row.entity_id), ())]
    }
