"""Siblings: concurrent versions that were refused and are kept until a write has seen them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.store.models import SyncSibling
from engine.sync import clock
from engine.sync.change import Change
from engine.sync.clock import Clock

PER_ENTITY_MAX = 8


@dataclass(frozen=True, slots=True)
class Sibling:
    """A kept version and the agent that wrote it."""

    type: str
    entity_id: str
    encrypted_data: str
    version: str
    clock: dict[str, int]
    agent_id: str
    deleted: bool
    id: UUID

    def told(self) -> dict[str, Any]:
        """Return it as clients see it."""
        return {
            "encryptedData": self.encrypted_data,
            "version": self.version,
            "vectorClock": self.clock,
            "agentId": self.agent_id,
            "deleted": self.deleted,
        }


def of(session: Session, account_id: UUID, kind: str, entity_id: str) -> list[Sibling]:
    """Return an entity's siblings, oldest first."""
    return among(session, account_id, [(kind, entity_id)])


def among(session: Session, account_id: UUID, entities: Iterable[tuple[str, str]]) -> list[Sibling]:
    """Return the siblings of several entities, oldest first."""
    named = list(entities)
    if not named:
        return []
    rows = session.scalars(
        select(SyncSibling)
        .where(
            SyncSibling.account_id == account_id,
            tuple_(SyncSibling.type, SyncSibling.entity_id).in_(named),
        )
        .order_by(SyncSibling.created_at)
    )
    return [_sibling(row) for row in rows]


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
    return [*kept, _sibling(row)]


def clear(session: Session, *, kept: Sequence[Sibling], covered: Clock) -> None:
    """Delete the siblings that a write under the clock `covered` has seen."""
    seen = [one.id for one in kept if clock.descends(covered, one.clock)]
    if seen:
        session.execute(delete(SyncSibling).where(SyncSibling.id.in_(seen)))


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
