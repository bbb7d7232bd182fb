"""Change: one version of one entity as an agent pushes it, and the limits of sync."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Protocol, Self

from engine.config.settings import Settings
from engine.sync.clock import Clock

TYPES = ("agent", "settings", "workflow")
Entity = tuple[str, str]  # type and entity id; writers lock several entities in this order

PULL_STATES_MAX = 500
PULL_BYTES_MAX = 8 * 1_048_576
# Of the current versions and siblings that the refusals of one answer contain.
CONFLICT_BYTES_MAX = 8 * 1_048_576
BATCH_CHANGES_MAX = 100
QUOTA_BYTES = 1_073_741_824
CHAIN_LINKS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """Limits from the settings; sizes are bytes of UTF-8."""

    state_bytes_max: int = 1_048_576
    quota_bytes: int = QUOTA_BYTES  # of everything that an account stores
    history_versions: int = 20  # of each entity, the current version included
    strict_clocks: bool = False  # refuse clocks without an entry for the pushing agent

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the limits from the settings."""
        return cls(
            settings.state_bytes_max,
            settings.sync_quota_bytes,
            settings.sync_history_versions,
            bool(settings.sync_strict_clocks),
        )


class VersionContent(Protocol):
    """Content of a stored version, which a change is compared with."""

    @property
    def data_hash(self) -> bytes:
        """SHA-256 of the encrypted data."""

    @property
    def version(self) -> str:
        """Label that the client gave to the version."""

    @property
    def deleted(self) -> bool:
        """Whether the version is a tombstone."""


@dataclass(frozen=True, slots=True)
class Change:
    """Version of an entity with its vector clock; the data is opaque, and empty in a tombstone."""

    type: str
    entity_id: str
    encrypted_data: str
    version: str
    clock: Clock
    deleted: bool = False
    data_hash: bytes = field(init=False)
    size: int = field(init=False)  # bytes of the data

    def __post_init__(self) -> None:
        """Hash and measure the data."""
        data = self.encrypted_data.encode()
        object.__setattr__(self, "data_hash", hashlib.sha256(data).digest())
        object.__setattr__(self, "size", len(data))

    @property
    def entity(self) -> Entity:
        """Return the entity that this is a version of."""
        return self.type, self.entity_id

    def has_content_of(self, version: VersionContent) -> bool:
        """Tell whether a stored version has the same data, label and deletion mark."""
        mine = (self.data_hash, self.version, self.deleted)
        return mine == (version.data_hash, version.version, version.deleted)
