"""History of an entity: read its earlier versions, and measure them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, literal_column, select

from engine.store.account_scope import AccountScope
from engine.store.sync import SyncChange, SyncPast
from engine.sync import entities, stored_bytes
from engine.sync.change import PULL_BYTES_MAX, Entity

CHANGES, PASTS = SyncChange.__table__.c, SyncPast.__table__.c


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Stored versions of an entity, newest first, and whether older ones follow."""

    versions: list[dict[str, Any]]
    has_more: bool


def list_versions(
    scope: AccountScope, entity: Entity, limit: int, *, before: int | None = None
) -> HistoryPage:
    """Return up to `limit` stored versions of an entity, cut at PULL_BYTES_MAX of data.

    They are older than the stamp `before`; without it, the current version is the first.

    :raises NotFoundError: `state_unknown`, when the account has no such entity.
    """
    current = entities.get_version(scope, entity)
    is_older = [] if before is None else [PASTS.stamp < before]
    versions = [entities.version_json(current)] if before is None else []
    room = PULL_BYTES_MAX - sum(len(one["encryptedData"].encode()) for one in versions)
    sizes = (
        select(PASTS.stamp, func.octet_length(PASTS.encrypted_data))
        .where(*_is_of(scope, entity), *is_older)
        .order_by(PASTS.stamp.desc())
        .limit(limit + 1)
    )
    past_stamps: list[int] = []
    has_more = False
    for stamp, size in scope.session.execute(sizes):
        room -= size
        count = len(versions) + len(past_stamps)
        has_more = count >= limit or (count > 0 and room < 0)
        if has_more:
            break
        past_stamps.append(stamp)
    query = (
        select(SyncChange.__table__, PASTS.encrypted_data)
        .join_from(
            SyncChange.__table__,
            SyncPast.__table__,
            (PASTS.account_id == CHANGES.account_id) & (PASTS.stamp == CHANGES.stamp),
        )
        .where(*_is_of(scope, entity), PASTS.stamp.in_(past_stamps))
        .order_by(PASTS.stamp.desc())
    )
    rows = scope.session.execute(query).all() if past_stamps else []
    return HistoryPage([*versions, *(entities.version_json(row) for row in rows)], has_more)


def measure_past(scope: AccountScope, entity: Entity) -> int:
    """Return the stored bytes of an entity's past versions."""
    size = func.coalesce(func.sum(literal_column(stored_bytes.PAST_SQL, BigInteger())), 0)
    return int(scope.session.scalar(select(size).where(*_is_of(scope, entity))) or 0)


def _is_of(scope: AccountScope, entity: Entity) -> tuple[ColumnElement[bool], ...]:
    return (
        PASTS.account_id == scope.account_id,
        PASTS.type == entity[0],
        PASTS.entity_id == entity[1],
    )
