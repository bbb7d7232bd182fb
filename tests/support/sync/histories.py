"""Causal histories: for each write, the writes that its author had seen (Schwarz, Mattern 1994).

Vector clocks stand for these sets. Nothing here counts, compares clocks or uses the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.sync.change import Change

Entity = tuple[str, str]  # type, entity id


@dataclass(frozen=True, slots=True)
class Write:
    """One version that an author made, sent once or many times."""

    id: int
    entity: Entity
    agent_id: str
    clock: Mapping[str, int]
    causes: frozenset[int]  # the writes of the same entity whose content went into this one
    deleted: bool

    @property
    def label(self) -> str:
        """The client's version string, which identifies the write."""
        return f"w{self.id}"

    @property
    def history(self) -> frozenset[int]:
        """The write and all that it has seen."""
        return self.causes | {self.id}

    @property
    def change(self) -> Change:
        """The write as the client pushes it."""
        data = "" if self.deleted else f"the content of {self.label}"
        return Change(*self.entity, data, self.label, self.clock, self.deleted)


class Histories:
    """All writes of all clients."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def add(
        self,
        entity: Entity,
        agent_id: str,
        *,
        clock: Mapping[str, int],
        causes: frozenset[int],
        deleted: bool = False,
    ) -> Write:
        """Add a write and give it its id."""
        write = Write(len(self.writes), entity, agent_id, clock, causes, deleted)
        self.writes.append(write)
        return write

    def by_label(self, label: str) -> Write:
        """Return the write with the label of a version."""
        return self.writes[int(label.removeprefix("w"))]
