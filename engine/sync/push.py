"""Push: judges changes by their vector clocks, writes the accepted, stores conflicts as siblings.

A push of one change is a batch of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import ConflictError, EngineError, Fault, InvalidError, TooLargeError
from engine.store.account_scope import AgentScope
from engine.sync import (
    entities,
    entity_history,
    locked_state,
    push_statement,
    siblings,
    stored_bytes,
)
from engine.sync.change import CONFLICT_BYTES_MAX, Change, Entity, SyncLimits
from engine.sync.conflict_rules import judge
from engine.sync.locked_state import CurrentVersion, LockedEntity, LockedState
from engine.sync.push_statement import LogEntry, RaceError, StorageRoom
from engine.sync.quota import Quota

DETAILS = {
    "clock_reused": (
        "This agent has used this clock for other content: it was cloned or restored."
    ),
    "unknown_causality": (
        "The clock has a counter that nobody has pushed here: pull, and push again."
    ),
    "stale": (
        "The current version is newer: pull, merge, and push under a clock that dominates it."
    ),
    "conflict": (
        "The current version is concurrent: merge it with yours, and push under a clock above both."
    ),
}
# Code of a refusal, a refusal of another family, "repeat", or nothing for an accepted change.
Verdict = str | EngineError | None


@dataclass(frozen=True, slots=True)
class PushResult:
    """Result of one change; the caller answers with the refusal once it has committed."""

    version: str  # label of the entity's current version
    refusal: EngineError | None = None  # none for an accepted change, and for a repeat of one
    stamp: int = 0  # the account's newest stamp after the write; 0 when nothing was written

    @property
    def is_accepted(self) -> bool:
        """Tell whether the change is or was accepted."""
        return self.refusal is None


def push_changes(
    scope: AgentScope, changes: Sequence[Change], limits: SyncLimits
) -> list[PushResult]:
    """Push changes in their order, each judged after those before it; return a result for each.

    The caller commits, also when all are refused: a conflict is stored as a sibling. For all or
    nothing, the caller rolls back when one is refused. The session must have nothing else to
    commit: when another writer inserts the first version of an entity, or uses the room that is
    left, the push rolls back and judges all changes again.
    """
    while True:
        try:
            return _Push(scope, limits).run(changes)
        except RaceError:  # the other writer has made progress, so this loop ends
            scope.session.rollback()


class _Push:
    """Changes of one agent in one transaction.

    Locks are taken in the same order by all writers. First come the entities' rows, then the
    agent's counter and the account's head, by one statement, or the counter alone.
    """

    def __init__(self, scope: AgentScope, limits: SyncLimits) -> None:
        self._scope = scope
        self._limits = limits
        self._state = LockedState({}, {}, Quota.of_account(limits, sync_bytes=0, workflow_bytes=0))
        self._entries: list[LogEntry] = []
        self._new_counter = 0  # the agent's highest counter, when it is new to the account
        self._sibling_bytes = 0  # stored bytes of new siblings
        self._past_bytes: dict[Entity, int] = {}  # of entities that give up their past versions
        self._answer_bytes = CONFLICT_BYTES_MAX  # that the results may still have

    def run(self, changes: Sequence[Change]) -> list[PushResult]:
        """Lock, judge and write the changes; return a result for each."""
        refusals = [self._check(change) for change in changes]
        candidates = [
            change for change, refusal in zip(changes, refusals, strict=True) if refusal is None
        ]
        if candidates:
            self._state = locked_state.lock_state(self._scope, candidates, self._limits)
        verdicts = [
            refusal or self._judge(change)
            for change, refusal in zip(changes, refusals, strict=True)
        ]
        stamp = self._write()
        return [
            self._result(change, verdict, stamp)
            for change, verdict in zip(changes, verdicts, strict=True)
        ]

    def _check(self, change: Change) -> EngineError | None:
        """Return the refusal of a change that does not depend on its entity's state."""
        if change.size > self._limits.state_bytes_max:
            detail = f"A state may have at most {self._limits.state_bytes_max} bytes."
            return TooLargeError("state_too_large", detail)
        if self._limits.strict_clocks and self._scope.agent_id not in change.clock:
            fault = Fault("/vectorClock", "must have an entry for the pushing agent")
            detail = "The clock has no entry for the agent that pushes it."
            return InvalidError("clock_without_agent", detail, faults=[fault])
        return None

    def _judge(self, change: Change) -> Verdict:
        """Judge a change and note what to write for it."""
        entity = self._state.entities[change.entity]
        try:
            verdict = judge(self._scope.agent_id, change, entity, self._state.counters)
            if verdict is None:
                self._accept(change, entity)
        except EngineError as refusal:
            return refusal
        if verdict == "conflict":
            self._add_sibling(change, entity)
        if verdict in {None, "conflict"}:
            self._count(change)
        return verdict

    def _accept(self, change: Change, entity: LockedEntity) -> None:
        """Make a change the entity's current version.

        :raises ForbiddenError: `quota_exceeded`.
        """
        quota, growth = self._state.quota, _measure_growth(change, entity)
        keeps_past = self._limits.history_versions > 1 and entity.is_present
        past = stored_bytes.of_past(change.entity, entity.size) if keeps_past else 0
        history_versions, lost_bytes = self._limits.history_versions, 0
        if not quota.has_room(growth + past, is_deletion=change.deleted):
            # The past versions of the entity give way, the one that would become one included.
            history_versions, past, lost_bytes = 1, 0, self._give_up_past(change.entity)
            if not quota.has_room(growth - lost_bytes, is_deletion=change.deleted):
                self._past_bytes[change.entity] = lost_bytes
                raise quota.refuse()
        versions = siblings.delete_covered(self._scope.session, entity.siblings, change.clock)
        self._entries.append(
            LogEntry(
                change,
                is_first=entity.current is None,
                states_difference=(not change.deleted) - entity.is_present,
                bytes_difference=change.size - entity.size,
                room=self._room(is_deletion=change.deleted),
                stored_difference=growth + past,
                history_versions=history_versions,
            )
        )
        quota.sync_bytes += growth + past - lost_bytes
        current = CurrentVersion(
            change.version, change.clock, change.data_hash, change.deleted, change.size
        )
        self._state.entities[change.entity] = LockedEntity(current, versions)

    def _give_up_past(self, entity: Entity) -> int:
        """Return the bytes that an entity's past versions give back, once in a push."""
        if entity not in self._past_bytes:
            self._past_bytes[entity] = entity_history.measure_past(self._scope, entity)
        lost_bytes, self._past_bytes[entity] = self._past_bytes[entity], 0
        return lost_bytes

    def _add_sibling(self, change: Change, entity: LockedEntity) -> None:
        """Store a refused change beside its entity, where there is room."""
        size = stored_bytes.of_version(change.entity, change.version, change.clock, change.size)
        if not self._state.quota.has_room(size):
            return
        versions = siblings.add_sibling(self._scope, change, entity.siblings)
        growth = size if len(versions) > len(entity.siblings) else 0
        self._sibling_bytes += growth
        self._state.quota.sync_bytes += growth
        self._state.entities[change.entity] = replace(entity, siblings=versions)

    def _count(self, change: Change) -> None:
        """Note the agent's counter when it is higher than all before."""
        agent_id = self._scope.agent_id
        counter = change.clock.get(agent_id, 0)
        if counter > self._state.counters.get(agent_id, 0):
            self._state.counters[agent_id] = self._new_counter = counter

    def _write(self) -> int:
        """Write the accepted changes; return the account's newest stamp, or 0 without any."""
        stamp = 0
        if self._entries:
            # A later change of the batch may have added a sibling, so they are counted here.
            entries = [
                replace(entry, siblings=len(self._state.entities[entry.change.entity].siblings))
                for entry in self._entries
            ]
            stamp = push_statement.append_changes(self._scope, entries, counter=self._new_counter)
        elif self._new_counter:
            push_statement.raise_counter(self._scope, self._new_counter)
        if self._sibling_bytes:
            push_statement.add_stored_bytes(self._scope, self._sibling_bytes, self._room())
        return stamp

    def _room(self, *, is_deletion: bool = False) -> StorageRoom:
        """Return the room for the next write; new siblings are written after all others."""
        quota = self._state.quota
        return StorageRoom(
            quota.sync_bytes - self._sibling_bytes, quota.limit_for_sync(is_deletion=is_deletion)
        )

    def _result(self, change: Change, verdict: Verdict, stamp: int) -> PushResult:
        """Return the result of a change; a refusal has all that an agent needs to merge at once."""
        if verdict is None:
            return PushResult(change.version, stamp=stamp)
        if verdict == "repeat":
            return PushResult(change.version)
        if isinstance(verdict, EngineError):
            return PushResult(entities.find_label(self._scope, change.entity), verdict)
        entity = self._state.entities[change.entity]
        version = "" if entity.current is None else entity.current.version
        extra: dict[str, Any] = {"success": False, "version": version}
        size = entity.stored_bytes(change.entity)
        size += sum(sibling.stored_bytes for sibling in entity.siblings)
        if size <= self._answer_bytes:
            self._answer_bytes -= size
            state = entities.find_state(self._scope, change.entity)
            extra |= {"current": state, "siblings": state["siblings"] if state else []}
        else:
            extra["currentOmitted"] = True
        return PushResult(version, ConflictError(verdict, DETAILS[verdict], extra=extra))


def _measure_growth(change: Change, entity: LockedEntity) -> int:
    """Return by how many stored bytes a change would grow the account, without past versions."""
    size = stored_bytes.of_version(change.entity, change.version, change.clock, change.size)
    size += stored_bytes.of_change(change.entity, change.version, change.clock)
    covered = siblings.find_covered(entity.siblings, change.clock)
    size -= sum(sibling.stored_bytes for sibling in covered)
    return size - entity.stored_bytes(change.entity)
