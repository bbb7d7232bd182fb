"""Signal that pauses or resumes an execution."""

from __future__ import annotations

from dataclasses import dataclass

HOLD = "hold"  # signal of executions: PauseSignal


@dataclass(frozen=True, slots=True)
class PauseSignal:
    """Argument of the signal: whether the execution shall be paused, and which change this is."""

    number: int
    paused: bool
