"""What an account may keep, and what one request may carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from engine.config.settings import Settings

PULL_STATES_MAX = 500
PULL_BYTES_MAX = 8 * 1_048_576
BATCH_CHANGES_MAX = 100
CHAIN_LINKS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that the settings say; sizes in bytes of UTF-8."""

    state_bytes_max: int = 1_048_576
    quota_bytes: int = 1_073_741_824  # of the data of an account's states
    history_versions: int = 20  # kept of each entity, the current one included
    strict_clocks: bool = False  # a clock must count its own agent

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read them from the settings."""
        return cls(
            settings.state_bytes_max,
            settings.sync_quota_bytes,
            settings.sync_history_versions,
            bool(settings.sync_strict_clocks),
        )
