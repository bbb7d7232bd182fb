"""How entities stand before a write: their current versions, locked, and what their account has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from engine.sync import siblings
from engine.sync.change import Change, Entity
from engine.sync.clock import Clock
from engine.sync.siblings import Sibling

# The rows are locked one by one, in the order that the entities are named in.
LOCK = text("""
    SELECT wanted.type, wanted.entity_id, state.*, head.bytes AS held, (
        SELECT jsonb_object_agg(agent_id, counter) FROM sync_counters
        WHERE account_id = :account_id AND agent_id = ANY (:agent_ids)
    ) AS seen
    FROM unnest(CAST(:types AS text[]), CAST(:entity_ids AS text[])) AS wanted (type, entity_id)
    LEFT JOIN sync_heads AS head ON head.account_id = :account_id
    LEFT JOIN LATERAL (
        SELECT version, clock, data_hash, deleted, kept, octet_length(encrypted_data) AS size
        FROM sync_states
        WHERE account_id = :account_id AND sync_states.type = wanted.type
            AND sync_states.entity_id = wanted.entity_id
        FOR NO KEY UPDATE
    ) AS state ON true
""")


@dataclass(frozen=True, slots=True)
class Current:
    """The version that is current, without its data."""

    version: str
    clock: Clock
    data_hash: bytes
    deleted: bool
    size: int  # bytes of the data


@dataclass(frozen=True, slots=True)
class Standing:
    """One entity: the versions that a change of it is judged by."""

    current: Current | None
    kept: Sequence[Sibling]

    @property
    def clock(self) -> Clock:
        """Return the current clock, empty before the first version."""
        return self.current.clock if self.current else {}

    @property
    def size(self) -> int:
        """Return the bytes of the current data."""
        return self.current.size if self.current else 0

    @property
    def present(self) -> bool:
        """Tell whether there is a version that is no tombstone."""
        return self.current is not None and not self.current.deleted


@dataclass(slots=True)
class Ground:
    """What a write stands on; it changes as the write goes on."""

    entities: dict[Entity, Standing]
    seen: dict[str, int]  # the highest counters of the agents that the pushed clocks name
    held: int  # bytes of the account's states


def lock(session: Session, account_id: UUID, changes: Sequence[Change]) -> Ground:
    """Return how the entities of some changes stand, locked against other writers until the commit.

    Several writers that lock several entities do so in one order. An entity without a version has no row
    to lock: of several first versions the ledger lets one in, and the others are judged anew.
    """
    entities = sorted({change.entity for change in changes})
    agent_ids = sorted({agent_id for change in changes for agent_id in change.clock})
    values: dict[str, Any] = {"account_id": account_id, "agent_ids": agent_ids}
    values |= {
        "types": [kind for kind, _ in entities],
        "entity_ids": [name for _, name in entities],
    }
    rows = session.execute(LOCK, values).mappings().all()
    contested = [(row["type"], row["entity_id"]) for row in rows if row["kept"]]
    kept = siblings.among(session, account_id, contested)
    found = {(row["type"], row["entity_id"]): row for row in rows}
    standings = {
        entity: Standing(_current(row), kept.get(entity, ())) for entity, row in found.items()
    }
    return Ground(standings, rows[0]["seen"] or {}, rows[0]["held"] or 0)


def _current(row: RowMapping) -> Current | None:
    if row["version"] is None:
        return None
    return Current(row["version"], row["clock"], row["data_hash"], row["deleted"], row["size"])
