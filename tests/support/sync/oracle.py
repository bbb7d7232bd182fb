"""Oracle: computes from every write and its answer what the server must store.

It judges twice. By causal histories, an accepted write has seen the versions that it replaces and
clears. By the conflict rules, implemented once more without the engine, it predicts each answer and
explains the answers of a race.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.support.sync.histories import Entity, Histories, Write
from tests.support.sync.replica import join_clocks

SIBLINGS_MAX = 8
Clock = Mapping[str, int]


def above(one: Clock, other: Clock) -> bool:
    """Return whether `one` counts at least as much of every agent as `other`."""
    return all(one.get(agent, 0) >= other[agent] for agent in other)


@dataclass(slots=True)
class EntityState:
    """State of one entity on the server."""

    current: Write | None = None
    siblings: list[Write] = field(default_factory=list)
    accepted_ids: set[int] = field(default_factory=set)  # since the entity was last buried
    has_burial: bool = False  # so that a twin may use its numbers again unnoticed

    @property
    def versions(self) -> list[Write]:
        """Return the current version and its siblings."""
        return [*([self.current] if self.current else []), *self.siblings]


class Oracle:
    """The server as it should be."""

    def __init__(self, histories: Histories) -> None:
        self.histories = histories
        self.entities: dict[Entity, EntityState] = {}
        self.counters: dict[str, int] = {}  # the highest that each agent ever used
        self.shared_ids: set[str] = set()  # agent ids that two clients have or had

    def state(self, entity: Entity) -> EntityState:
        """Return the state of an entity."""
        return self.entities.setdefault(entity, EntityState())

    def fork(self) -> Oracle:
        """Return a second oracle, for a trial."""
        other = Oracle(self.histories)
        for entity, state in self.entities.items():
            other.entities[entity] = replace(
                state, siblings=list(state.siblings), accepted_ids=set(state.accepted_ids)
            )
        other.counters, other.shared_ids = dict(self.counters), self.shared_ids
        return other

    def current(self) -> dict[Entity, Write]:
        """Return the current versions."""
        return {entity: state.current for entity, state in self.entities.items() if state.current}

    def labels(self) -> dict[Entity, tuple[str, set[str]]]:
        """Return the labels of the current versions, and of their siblings."""
        return {
            entity: (state.current.label, {one.label for one in state.siblings})
            for entity, state in self.entities.items()
            if state.current
        }

    def foretell(self, agent_id: str, write: Write) -> str:
        """Return the answer by the clock's cases, with their numbers in the protocol."""
        state, clock = self.state(write.entity), write.clock
        current = state.current.clock if state.current else {}
        if state.current and clock == current:  # 1 and 2
            return "accepted" if write.id == state.current.id else "clock_reused"
        if state.current and above(current, clock):  # 6, before the agent's own counter is checked
            return "stale"
        for one in state.siblings:
            if one.clock == clock:  # 2 and 7
                return "conflict" if one.id == write.id else "clock_reused"
        union: Clock = {}
        for one in state.versions:
            union = join_clocks(union, one.clock)
        if agent_id in clock:
            if clock[agent_id] <= union.get(agent_id, 0):  # 2
                return "clock_reused"
            counters = join_clocks(union, self.counters)
            if any(
                counter > counters.get(other, 0)
                for other, counter in clock.items()
                if other != agent_id
            ):
                return "unknown_causality"  # 3
        return "accepted" if above(clock, current) else "conflict"  # 5 and 7

    def record(self, agent_id: str, write: Write, verdict: str) -> None:
        """Record an answer.

        :raises AssertionError: when it means that content is lost
        """
        state = self.state(write.entity)
        if verdict == "accepted" and (state.current is None or state.current.id != write.id):
            self._accept(state, write)
        elif (
            verdict == "conflict"
            and write not in state.siblings
            and len(state.siblings) < SIBLINGS_MAX
        ):
            state.siblings.append(write)
        if verdict in {"accepted", "conflict"}:
            self.counters[agent_id] = max(
                self.counters.get(agent_id, 0), write.clock.get(agent_id, 0)
            )

    def _accept(self, state: EntityState, write: Write) -> None:
        old = [state.current] if state.current else []
        covered = [
            one
            for one in state.siblings
            if write.clock.get(one.agent_id, 0) >= one.clock[one.agent_id]
        ]
        for end in (one for one in old + covered if one.id not in write.causes):
            twins = state.has_burial and {end.agent_id, write.agent_id} & self.shared_ids
            assert twins, f"{write} ends {end}, which its author had not seen"
            state.accepted_ids -= end.history - write.causes
        state.siblings = [one for one in state.siblings if one not in covered]
        state.current = write
        state.accepted_ids.add(write.id)

    def explain(self, agents_writes: Sequence[tuple[str, Write]], verdicts: Sequence[str]) -> bool:
        """Return whether these pushes, in this order, have these verdicts."""
        for (agent_id, write), verdict in zip(agents_writes, verdicts, strict=True):
            if self.foretell(agent_id, write) != verdict:
                return False
            self.record(agent_id, write, verdict)
        return True

    def bury(self, labels: Mapping[Entity, tuple[str, set[str]]]) -> None:
        """Record a sweep by the labels after it, of each current version and its siblings."""
        for entity, state in self.entities.items():
            if entity not in labels:
                state.has_burial = state.has_burial or state.current is not None
                state.current, state.siblings, state.accepted_ids = None, [], set()
                continue
            siblings = [one for one in state.siblings if one.label in labels[entity][1]]
            state.has_burial = state.has_burial or len(siblings) < len(state.siblings)
            state.siblings = siblings

    def lost_ids(self) -> set[int]:
        """Return the accepted writes that no stored version has in its history."""
        return {
            write
            for state in self.entities.values()
            for write in state.accepted_ids
            if not any(write in one.history for one in state.versions)
        }
