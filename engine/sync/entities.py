"""Entities: read the state of one entity and its siblings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from engine.contracts import timestamps
from engine.errors import NotFoundError
from engine.store.account_scope import AccountScope
from engine.store.sync import SyncState
from engine.sync import siblings
from engine.sync.change import Entity

STATES = SyncState.__table__.c


def find_state(scope: AccountScope, entity: Entity) -> dict[str, Any] | None:
    """Return the JSON of an entity's current version and siblings, if it has a version."""
    row = _find_row(scope, entity)
    if row is None:
        return None
    return state_json(row, siblings.read_siblings(scope, [entity]) if row.kept else {})


def find_label(scope: AccountScope, entity: Entity) -> str:
    """Return the label of an entity's current version, empty when it has none."""
    query = select(STATES.version).where(*_is_of(scope, entity))
    return scope.session.scalar(query) or ""


def get_state(scope: AccountScope, entity: Entity) -> dict[str, Any]:
    """Return the JSON of an entity's current version and siblings.

    :raises NotFoundError: `state_unknown`, when the account has no such entity.
    """
    state = find_state(scope, entity)
    if state is None:
        raise _unknown()
    return state


def get_version(scope: AccountScope, entity: Entity) -> Row[Any]:
    """Return the row of an entity's current version.

    :raises NotFoundError: `state_unknown`, when the account has no such entity.
    """
    row = _find_row(scope, entity)
    if row is None:
        raise _unknown()
    return row


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


def state_json(
    row: Row[Any], siblings_by_entity: Mapping[Entity, Sequence[dict[str, Any]]]
) -> dict[str, Any]:
    """Return the JSON object of a current version with its siblings."""
    return version_json(row) | {
        "siblings": siblings_by_entity.get((row.type, row.entity_id), []),
    }


def _find_row(scope: AccountScope, entity: Entity) -> Row[Any] | None:
    query = select(SyncState.__table__).where(*_is_of(scope, entity))
    return scope.session.execute(query).one_or_none()


def _is_of(scope: AccountScope, entity: Entity) -> tuple[ColumnElement[bool], ...]:
    return (
        STATES.account_id == scope.account_id,
        STATES.type == entity[0],
        STATES.entity_id == entity[1],
    )


def _unknown() -> NotFoundError:
    return NotFoundError("state_unknown", "There is no such state.")
