"""History of an entity: read its earlier versions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from engine.store.account_scope import AccountScope
from engine.store.sync import SyncChange, SyncPast
from engine.sync import entities
from engine.sync.change import Entity

CHANGES, PASTS = SyncChange.__table__.c, SyncPast.__table__.c


def list_versions(scope: AccountScope, entity: Entity, limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` stored versions of an entity, the current version first.

    :raises NotFoundError: `state_unknown`, when the account has no such entity.
    """
    state = entities.get_state(scope, entity)
    query = (
        select(SyncChange.__table__, PASTS.encrypted_data)
        .join_from(
            SyncChange.__table__,
            SyncPast.__table__,
            (PASTS.account_id == CHANGES.account_id) & (PASTS.stamp == CHANGES.stamp),
        )
        .where(
            PASTS.account_id == scope.account_id,
            PASTS.type == entity[0],
            PASTS.entity_id == entity[1],
        )
        .order_by(PASTS.stamp.desc())
        .limit(max(0, limit - 1))
    )
    current = {name: value for name, value in state.items() if name != "siblings"}
    return [current, *(entities.version_json(row) for row in scope.session.execute(query))]
