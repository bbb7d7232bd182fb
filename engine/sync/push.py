"""A write in progress: changes decided one after the other, on what is locked for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from engine.errors import ConflictError, EngineError, ForbiddenError
from engine.sync import change_log, counters, entities, locked_state, siblings
from engine.sync.change import Change
from engine.sync.change_log import Entry
from engine.sync.conflict_rules import judge
from engine.sync.limits import Limits
from engine.sync.locked_state import Current, Ground, Standing

DETAILS = {
    "clock_reused": "This agent has used this clock for other content: it was cloned or restored.",
    "unknown_causality": "The clock counts what nobody has pushed here: pull, and push under what you find.",
    "stale": "The current version is newer: pull, merge, and push under a clock that dominates it.",
    "conflict": "The current version is concurrent: merge it with yours, and push under a clock over both.",
}
Verdict = str | EngineError | None


@dataclass(frozen=True, slots=True)
class Push:
    """How a push ended: accepted (or a repeat of what was), or a refusal to be told once committed."""

    version: str
    accepted: bool
    refusal: EngineError | None = None
    stamp: int = 0  # up to which its account has been written; none where nothing was


class Writing:
    """Some changes of one agent in one transaction.

    Locks are taken in the order that all writers keep: the entities; then the agent's counter and the
    account's head by one statement, or the counter alone.
    """

    def __init__(
        self, session: Session, account_id: UUID, agent_id: str, now: datetime, limits: Limits
    ) -> None:
        self._session = session
        self._account_id = account_id
        self._agent_id = agent_id
        self._now = now
        self._limits = limits
        self._ground = Ground({}, {}, 0)
        self._entries: list[Entry] = []
        self._counted = 0
        self._stamp = 0

    def begin(self, changes: Sequence[Change]) -> None:
        """Lock what the changes are judged by."""
        self._ground = locked_state.lock(self._session, self._account_id, changes)

    def decide(self, change: Change) -> Verdict:
        """Return why a change is refused, "repeat", or nothing: it is accepted, to be written at the end."""
        found = self._ground.entities[change.entity]
        try:
            verdict = judge(self._agent_id, change, found, self._ground.seen)
            if verdict is None:
                self._accept(change, found)
        except EngineError as refusal:
            return refusal
        if verdict == "conflict":
            kept = siblings.keep(
                self._session,
                self._account_id,
                self._agent_id,
                change=change,
                kept=found.kept,
                now=self._now,
            )
            self._ground.entities[change.entity] = replace(found, kept=kept)
        if verdict in {None, "conflict"}:
            self._count(change)
        return verdict

    def _accept(self, change: Change, found: Standing) -> None:
        growth = change.size - found.size
        if growth > 0 and self._ground.held + growth > self._limits.quota_bytes:
            told = {"bytes": self._ground.held, "quota": self._limits.quota_bytes}
            raise ForbiddenError(
                "quota_exceeded", "The account's states take all its room.", extra=told
            )
        left = siblings.clear(self._session, found.kept, change.clock)
        self._entries.append(
            Entry(change, found.current is None, (not change.deleted) - found.present, growth)
        )
        self._ground.held += growth
        current = Current(
            change.version, change.clock, change.data_hash, change.deleted, change.size
        )
        self._ground.entities[change.entity] = Standing(current, left)

    def _count(self, change: Change) -> None:
        counter = change.clock.get(self._agent_id, 0)
        if counter > self._ground.seen.get(self._agent_id, 0):
            self._ground.seen[self._agent_id] = self._counted = counter

    def end(self) -> None:
        """Write what was accepted."""
        if not self._entries:
            counters.see(self._session, self._account_id, self._agent_id, self._counted)
            return
        self._stamp = change_log.enter(
            self._session,
            self._account_id,
            self._agent_id,
            # How many siblings are left is known at the end only: a later change may have left one.
            [
                replace(one, kept=len(self._ground.entities[one.change.entity].kept))
                for one in self._entries
            ],
            counted=self._counted,
            versions=self._limits.history_versions,
            now=self._now,
        )

    def told(self, change: Change, verdict: Verdict) -> Push:
        """Return how a change ended, with all an agent needs to merge in one trip."""
        if verdict is None or verdict == "repeat":
            return Push(change.version, accepted=True, stamp=0 if verdict else self._stamp)
        current = entities.current(self._session, self._account_id, change.entity)
        version = "" if current is None else str(current["version"])
        if isinstance(verdict, EngineError):
            return Push(version, accepted=False, refusal=verdict)
        kept = self._ground.entities[change.entity].kept
        told = {
            "success": False,
            "version": version,
            "current": current,
            "siblings": [one.told() for one in kept],
        }
        return Push(
            version, accepted=False, refusal=ConflictError(verdict, DETAILS[verdict], extra=told)
        )
