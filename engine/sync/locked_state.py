"""Locked state: the current versions, siblings and counters that a push is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, text

from engine.store.account_scope import AccountScope
from engine.sync import siblings, stored_bytes
from engine.sync.change import Change, Entity, SyncLimits
from engine.sync.clock import Clock
from engine.sync.quota import Quota
from engine.sync.siblings import SiblingVersion

# PostgreSQL locks the rows one by one, in the order in which `target` lists the entities.
LOCK = text("""
    SELECT target.type, target.entity_id, state.*, head.stored_bytes, (
        SELECT jsonb_object_agg(agent_id, counter) FROM sync_counters
        WHERE account_id = :account_id AND agent_id = ANY (:agent_ids)
    ) AS counters, (
        SELECT sum(bytes) FROM usage_entries WHERE account_id = :account_id
    ) AS workflow_bytes
    FROM unnest(CAST(:types AS text[]), CAST(:entity_ids AS text[])) AS target (type, entity_id)
    LEFT JOIN sync_heads AS head ON head.account_id = :account_id
    LEFT JOIN LATERAL (
        SELECT version, clock, data_hash, deleted, kept, octet_length(encrypted_data) AS size
        FROM sync_states
        WHERE account_id = :account_id AND sync_states.type = target.type
            AND sync_states.entity_id = target.entity_id
        FOR NO KEY UPDATE
    ) AS state ON true
""")


@dataclass(frozen=True, slots=True)
class CurrentVersion:
    """Current version of an entity without its data."""

    version: str
    clock: Clock
    data_hash: bytes
    deleted: bool
    size: int  # bytes of the data


@dataclass(frozen=True, slots=True)
class LockedEntity:
    """Entity with the versions that a change of it is compared with."""

    current: CurrentVersion | None  # none before the first version
    siblings: Sequence[SiblingVersion]

    @property
    def clock(self) -> Clock:
        """Return the current clock, empty before the first version."""
        return self.current.clock if self.current else {}

    @property
    def size(self) -> int:
        """Return the bytes of the current data."""
        return self.current.size if self.current else 0

    def stored_bytes(self, entity: Entity) -> int:
        """Return what the current version counts against the quota; `entity` names this one."""
        if self.current is None:
            return 0
        current = self.current
        return stored_bytes.of_version(entity, current.version, current.clock, current.size)

    @property
    def is_present(self) -> bool:
        """Tell whether there is a current version that is no tombstone."""
        return self.current is not None and not self.current.deleted


@dataclass(slots=True)
class LockedState:
    """Locked entities of an account; a push updates them with each change that it judges."""

    entities: dict[Entity, LockedEntity]
    counters: dict[str, int]  # highest counter of each agent that the pushed clocks name
    quota: Quota


def lock_state(scope: AccountScope, changes: Sequence[Change], limits: SyncLimits) -> LockedState:
    """Lock the entities of some changes against other writers until the commit, and return them.

    All writers lock entities in the same order, so that no two wait for each other. An entity
    without a version has no row to lock: of several concurrent first versions, `change_log` accepts
    one. The other pushes are judged again.
    """
    entities = sorted({change.entity for change in changes})
    agent_ids = sorted({agent_id for change in changes for agent_id in change.clock})
    values: dict[str, Any] = {"account_id": scope.account_id, "agent_ids": agent_ids}
    values |= {
        "types": [kind for kind, _ in entities],
        "entity_ids": [entity_id for _, entity_id in entities],
    }
    rows = scope.session.execute(LOCK, values).mappings().all()
    conflicts = [(row["type"], row["entity_id"]) for row in rows if row["kept"]]
    by_entity = siblings.find_siblings(scope, conflicts)
    quota = Quota.of_account(
        limits,
        sync_bytes=rows[0]["stored_bytes"] or 0,
        workflow_bytes=int(rows[0]["workflow_bytes"] or 0),
    )
    state = LockedState({}, rows[0]["counters"] or {}, quota)
    for row in rows:
        entity = (row["type"], row["entity_id"])
        siblings_of_entity = by_entity.get(entity, ())
        state.entities[entity] = LockedEntity(_current_version(row), siblings_of_entity)
    return state


def _current_version(row: RowMapping) -> CurrentVersion | None:
    if row["version"] is None:
        return None
    return CurrentVersion(
        row["version"], row["clock"], row["data_hash"], row["deleted"], row["size"]
    )
