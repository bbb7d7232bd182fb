"""Signal that pauses or resumes an execution's workflow."""

from __future__ import annotations

from dataclasses import dataclass

PAUSE_SIGNAL = "hold"  # signal of executions: PauseSignal


@dataclass(frozen=True, slots=True)
class PauseSignal:
    """Argument of the signal: whether to pause or resume; of several, the highest number counts."""

    number: int
    paused: bool
