"""Causal histories: of each write, which others its author had seen (Schwarz and Mattern 1994).

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
    seen: frozenset[int]  # the writes of the same entity whose content went into this one
    deleted: bool

    @property
    def label(self) -> str:
        """What the client calls the version: it names the write wherever it comes back."""
        return f"w{self.id}"

    @property
    def history(self) -> frozenset[int]:
        """The write and all it has seen."""
        return self.seen | {self.id}

    @property
    def change(self) -> Change:
        """The write as it is pushed."""
        data = "" if self.deleted else f"the content of {self.label}"
        return Change(*self.entity, data, self.label, self.clock, self.deleted)


class Histories:
    """All writes that anybody made."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def add(
        self,
        entity: Entity,
        agent_id: str,
        *,
        clock: Mapping[str, int],
        seen: frozenset[int],
        deleted: bool = False,
    ) -> Write:
        """Note a write and give it its id."""
        write = Write(len(self.writes), entity, agent_id, clock, seen, deleted)
        self.writes.append(write)
        return write

    def labelled(self, label: str) -> Write:
        """Return the write of a version that came back."""
        return self.writes[int(label.removeprefix("w"))]
