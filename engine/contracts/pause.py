"""TODO."""

from __future__ import annotations

from dataclasses import dataclass

HOLD = "hold"  # signal of executions: Word


@dataclass(frozen=True, slots=True)
class Word:
    """That an execution shall be paused or go on."""

    number: int
    paused: bool
