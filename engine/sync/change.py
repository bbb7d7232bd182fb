"""A change: one version of one entity, as an agent pushes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.sync.clock import Clock


class Version(Protocol):
    """A version that is kept."""

    @property
    def encrypted_data(self) -> str:
        """What the client encrypted."""

    @property
    def version(self) -> str:
        """The client's own label."""

    @property
    def deleted(self) -> bool:
        """Whether it is a tombstone."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is pushed; the data is opaque here, and empty for a tombstone."""

    type: str
    entity_id: str
    encrypted_data: str
    version: str
    clock: Clock
    deleted: bool = False

    def says(self, other: Version) -> bool:
        """Tell whether a kept version has the same content."""
        mine = (self.encrypted_data, self.version, self.deleted)
        return mine == (other.encrypted_data, other.version, other.deleted)
