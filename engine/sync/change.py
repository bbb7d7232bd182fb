"""A change: one version of one entity, as an agent pushes it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.sync.clock import Clock


@dataclass(frozen=True, slots=True)
class Change:
    """What is pushed; the data is opaque here."""

    type: str
    entity_id: str
    encrypted_data: str
    version: str
    clock: Clock
