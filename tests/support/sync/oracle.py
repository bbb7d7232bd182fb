"""Oracle: computes from every write and its answer what the server must store.

It judges twice. By causal histories, an accepted write has seen the versions that it replaces and
clears. By the conflict rules, implemented once more without the engine, it predicts each answer and
explains the answers of a race.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.support.sync.histories import Entity, Histories, Write
from tests.support.sync.replica import joined

SIBLINGS_MAX = 8
Clock = Mapping[str, int]


def above(one: Clock, other: Clock) -> bool:
    """Tell whether `one` counts at least as much of everybody as `other`."""
    return all(one.get(agent, 0) >= other[agent] for agent in other)


@dataclass(slots=True)
class Held:
    """What the server holds of one entity."""

    current: Write | None = None
    kept: list[Write] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)  # all accepted since it was last buried
    forgotten: bool = False  # something was buried: a twin may use its numbers again unnoticed

    @property
    def versions(self) -> list[Write]:
        """Return the current version and those beside it."""
        return [*([self.current] if self.current else []), *self.kept]


class Oracle:
    """The server as it should be."""

    def __init__(self, histories: Histories) -> None:
        self.histories = histories
        self.entities: dict[Entity, Held] = {}
        self.counters: dict[str, int] = {}  # the highest that each agent ever used
        self.doubled: set[str] = set()  # agent ids under which two clients live or have lived

    def held(self, entity: Entity) -> Held:
        """Return what there is of an entity."""
        return self.entities.setdefault(entity, Held())

    def fork(self) -> Oracle:
        """Return a second oracle to try something out on."""
        other = Oracle(self.histories)
        for entity, held in self.entities.items():
            other.entities[entity] = replace(
                held, kept=list(held.kept), acknowledged=set(held.acknowledged)
            )
        other.counters, other.doubled = dict(self.counters), self.doubled
        return other

    def current(self) -> dict[Entity, Write]:
        """Return the current versions."""
        return {entity: held.current for entity, held in self.entities.items() if held.current}

    def labels(self) -> dict[Entity, tuple[str, set[str]]]:
        """Return the labels of the current versions, and of their siblings."""
        return {
            entity: (held.current.label, {one.label for one in held.kept})
            for entity, held in self.entities.items()
            if held.current
        }

    def foretell(self, agent_id: str, write: Write) -> str:
        """Return the answer that the clock's cases give, numbered as in the design."""
        held, clock = self.held(write.entity), write.clock
        current = held.current.clock if held.current else {}
        if held.current and clock == current:  # 1 and 2
            return "accepted" if write.id == held.current.id else "clock_reused"
        if held.current and above(current, clock):  # 6, before the own counter is looked at
            return "stale"
        for one in held.kept:
            if one.clock == clock:  # 2 and 7
                return "conflict" if one.id == write.id else "clock_reused"
        known: Clock = {}
        for one in held.versions:
            known = joined(known, one.clock)
        if agent_id in clock:
            if clock[agent_id] <= known.get(agent_id, 0):  # 2
                return "clock_reused"
            seen = joined(known, self.counters)
            if any(
                counter > seen.get(other, 0)
                for other, counter in clock.items()
                if other != agent_id
            ):
                return "unknown_causality"  # 3
        return "accepted" if above(clock, current) else "conflict"  # 5 and 7

    def record(self, agent_id: str, write: Write, verdict: str) -> None:
        """Take note of an answer.

        :raises AssertionError: when it means that something is lost.
        """
        held = self.held(write.entity)
        if verdict == "accepted" and (held.current is None or held.current.id != write.id):
            self._accept(held, write)
        elif verdict == "conflict" and write not in held.kept and len(held.kept) < SIBLINGS_MAX:
            held.kept.append(write)
        if verdict in {"accepted", "conflict"}:
            self.counters[agent_id] = max(
                self.counters.get(agent_id, 0), write.clock.get(agent_id, 0)
            )

    def _accept(self, held: Held, write: Write) -> None:
        replaced = [held.current] if held.current else []
        cleared = [
            one for one in held.kept if write.clock.get(one.agent_id, 0) >= one.clock[one.agent_id]
        ]
        unseen = [gone for gone in replaced + cleared if gone.id not in write.seen]
        for gone in unseen:
            twins = held.forgotten and {gone.agent_id, write.agent_id} & self.doubled
            assert twins, f"{write} ends {gone}, which its author had not seen"
            held.acknowledged -= gone.history - write.seen
        held.kept = [one for one in held.kept if one not in cleared]
        held.current = write
        held.acknowledged.add(write.id)

    def explain(self, agents_writes: Sequence[tuple[str, Write]], verdicts: Sequence[str]) -> bool:
        """Tell whether these pushes, in this order, would have been answered like this."""
        for (agent_id, write), verdict in zip(agents_writes, verdicts, strict=True):
            if self.foretell(agent_id, write) != verdict:
                return False
            self.record(agent_id, write, verdict)
        return True

    def bury(self, left: Mapping[Entity, tuple[str, set[str]]]) -> None:
        """Take note of what a sweep has left: labels of the current version and of its siblings."""
        for entity, held in self.entities.items():
            if entity not in left:
                held.forgotten = held.forgotten or held.current is not None
                held.current, held.kept, held.acknowledged = None, [], set()
                continue
            kept = [one for one in held.kept if one.label in left[entity][1]]
            held.forgotten = held.forgotten or len(kept) < len(held.kept)
            held.kept = kept

    def lost(self) -> set[int]:
        """Return what was accepted and is in no history of what is held."""
        return {
            write
            for held in self.entities.values()
            for write in held.acknowledged
            if not any(write in one.history for one in held.versions)
        }
