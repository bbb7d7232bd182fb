"""Entities: read the state of one entity and its siblings."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from engine.contracts import timestamps
from engine.errors import NotFoundError
from engine.store.account_scope import AccountScope
from engine.store.sync import SyncState
from engine.sync import siblings
from engine.sync.change import Entity
from engine.sync.siblings import SiblingVersion

STATES = SyncState.__table__.c


def find_state(scope: AccountScope, entity: Entity) -> dict[str, Any] | None:
    """Return the JSON of an entity's current version and siblings, if it has a version."""
    query = select(SyncState.__table__).where(
        STATES.account_id == scope.account_id,
        STATES.type == entity[0],
        STATES.entity_id == entity[1],
    )
    row = scope.session.execute(query).one_or_none()
    if row is None:
        return None
    return state_json(row, siblings.find_siblings(scope, [entity]) if row.kept else {})


def get_state(scope: AccountScope, entity: Entity) -> dict[str, Any]:
    """Return the JSON of an entity's current version and siblings.

    :raises NotFoundError: `state_unknown`, when the account has no such entity.
    """
    state = find_state(scope, entity)
    if state is None:
        raise NotFoundError("state_unknown", "There is no such state.")
    return state


def version_json(row: Row[Any]) -> dict[str, Any]:
    """Return the JSON object of a version."""
    return {
        "type": row.type,
        "entityId": row.entity_id,
        "encryptedData": row.encrypted_data,
        "version": row.version,
        "updatedAt": timestamps.to_text(row.stamp),
        "vectorClock": row.clock,
        "agentId": row.agent_id,
        "deleted": row.deleted,
    }


def state_json(row: Row[Any], by_entity: dict[Entity, list[SiblingVersion]]) -> dict[str, Any]:
    """Return the JSON object of a current version, with the siblings that `by_entity` has of it."""
    versions = by_entity.get((row.type, row.entity_id), ())
    return version_json(row) | {"siblings": [version.to_json() for version in versions]}
