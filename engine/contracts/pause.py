"""Signal that pauses or resumes an execution's workflow, and the command it carries."""

from __future__ import annotations

from dataclasses import dataclass

PAUSE_SIGNAL = "hold"  # signal of executions: PauseCommand


@dataclass(frozen=True, slots=True)
class PauseCommand:
    """Command to pause or to resume an execution; of several, the highest number counts."""

    number: int
    paused: bool
