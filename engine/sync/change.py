"""A change: one version of one entity, as an agent pushes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Protocol

from engine.sync.clock import Clock

TYPES = ("agent", "settings", "workflow")
Entity = tuple[str, str]  # type, entity id: in this order wherever several are locked


class Version(Protocol):
    """A version that is kept."""

    @property
    def data_hash(self) -> bytes:
        """SHA-256 of what the client encrypted."""

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
    data_hash: bytes = field(init=False)
    size: int = field(init=False)  # bytes of the data

    def __post_init__(self) -> None:
        """Measure the data."""
        data = self.encrypted_data.encode()
        object.__setattr__(self, "data_hash", hashlib.sha256(data).digest())
        object.__setattr__(self, "size", len(data))

    @property
    def entity(self) -> Entity:
        """What it is a version of."""
        return self.type, self.entity_id

    def says(self, other: Version) -> bool:
        """Tell whether a kept version has the same content."""
        mine = (self.data_hash, self.version, self.deleted)
        return mine == (other.data_hash, other.version, other.deleted)
