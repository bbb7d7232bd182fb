"""Replica: a client as its author would write it, with its copies, pushes and pulls.

The guarantees of sync need each of its rules:

- A write counts one above this agent's counter in the entity's known clock. So a number that was
  refused and not stored is free again, and no number is skipped.
- A push is repeated unchanged until it has an answer; only then the next one follows.
- The versions in a refusal are merged into the next write, whose clock covers all of them.
- `clock_reused` means that another client has the same agent id: this one takes a new id and starts
  over.
- An agent's own counter is never dropped, also when everything else starts over.
- Each kind of pull has a cursor of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.sync.pull import StatePage
from tests.support.sync.door import Answer
from tests.support.sync.histories import Entity, Histories, Write

Filter = tuple[str | None, bool]  # one type only; without one's own
Clock = Mapping[str, int]


def join_clocks(one: Clock, other: Clock) -> dict[str, int]:
    """Return the smallest clock that has seen all that either has."""
    return {
        agent: max(one.get(agent, 0), other.get(agent, 0)) for agent in one.keys() | other.keys()
    }


@dataclass(slots=True)
class Copy:
    """A client's copy of one entity."""

    clock: Clock = field(default_factory=dict)  # of what the server is known to have
    causes: frozenset[int] = frozenset()  # the writes whose content this copy has
    top: int | None = None  # the write that was current when last read
    draft: str | None = None  # "edit" or "delete", not sent yet
    request: Write | None = None  # sent, but not answered yet


class Client:
    """One installation; two may have the same agent id."""

    def __init__(self, histories: Histories, names: Iterator[str]) -> None:
        self.histories, self._names = histories, names
        self.agent_id = next(names)
        self.copies: dict[Entity, Copy] = {}
        self.cursors: dict[Filter, int] = {}

    def duplicate(self) -> Client:
        """Return a copy of this client: a clone, or a backup."""
        twin = Client(self.histories, iter([self.agent_id]))
        twin._names = self._names
        twin.copies = {entity: replace(copy) for entity, copy in self.copies.items()}
        twin.cursors = dict(self.cursors)
        return twin

    def copy(self, entity: Entity) -> Copy:
        """Return the client's copy of an entity."""
        return self.copies.setdefault(entity, Copy())

    def shows(self) -> set[Entity]:
        """Return the entities that a person sees on this client."""
        tops = {entity: copy.top for entity, copy in self.copies.items() if copy.top is not None}
        return {entity for entity, top in tops.items() if not self.histories.writes[top].deleted}

    def has_changes(self, entity: Entity) -> bool:
        """Tell whether the client has a write of an entity that the current version has not."""
        copy = self.copy(entity)
        top = frozenset() if copy.top is None else self.histories.writes[copy.top].history
        return copy.draft is not None or copy.request is not None or copy.causes != top

    def next_write(self, entity: Entity) -> Write | None:
        """Return an entity's write to push: the one without an answer, or the draft or merge."""
        if not self.has_changes(entity):
            return None
        copy = self.copy(entity)
        if copy.request is None:
            clock = {**copy.clock, self.agent_id: copy.clock.get(self.agent_id, 0) + 1}
            deleted = copy.draft == "delete"
            copy.request = self.histories.add(
                entity, self.agent_id, clock=clock, causes=copy.causes, deleted=deleted
            )
            copy.draft = None
        return copy.request

    def settle(self, write: Write, answer: Answer) -> None:
        """Process the answer to a push."""
        copy = self.copy(write.entity)
        copy.request = None
        copy.causes |= write.history
        if answer.verdict == "accepted":
            copy.clock, copy.top = join_clocks(copy.clock, write.clock), write.id
            return
        copy.draft = copy.draft or "edit"
        if answer.current is not None:
            self._read(answer.current, answer.siblings)
        if answer.verdict == "clock_reused":
            self._begin_anew()

    def read(self, page: StatePage, query: Filter) -> None:
        """Take a page."""
        self.cursors[query] = page.cursor
        alone = [self._read(state, state["siblings"]) for state in page.states]
        if not all(alone):
            self._begin_anew()

    def start_over(self, page: StatePage) -> None:
        """Take a pull from the start; drop copies that it lacks, unless they were edited here."""
        self.cursors = {}
        self.read(page, (None, False))
        entities = {(state["type"], state["entityId"]) for state in page.states}
        for entity, copy in self.copies.items():
            if entity not in entities:
                copy.top = None
                if copy.draft is None and copy.request is None:
                    own = copy.clock.get(self.agent_id, 0)
                    copy.causes, copy.clock = frozenset(), {self.agent_id: own} if own else {}

    def _read(self, current: Mapping[str, Any], siblings: Any) -> bool:
        """Merge an entity's versions; return False when a twin has used this client's clock."""
        copy = self.copy((current["type"], current["entityId"]))
        alone = True
        for version in (current, *siblings):
            write = self.histories.by_label(version["version"])
            copy.clock = join_clocks(copy.clock, version["vectorClock"])
            copy.causes |= write.history
            if copy.request is not None and copy.request.clock == version["vectorClock"]:
                alone = alone and copy.request.label == version["version"]
                copy.request = None if copy.request.label == version["version"] else copy.request
        copy.top = self.histories.by_label(current["version"]).id
        return alone

    def _begin_anew(self) -> None:
        """Become another agent, which sends again what the old one may not have stored."""
        self.agent_id, self.cursors = next(self._names), {}
        for copy in self.copies.values():
            if copy.request is not None:
                copy.causes |= copy.request.history
                copy.draft, copy.request = copy.draft or "edit", None
