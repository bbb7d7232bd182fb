"""Signal that pauses or resumes an execution's workflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.contracts.commands import Command

PAUSE_SIGNAL = "hold"  # signal of executions: PauseSignal


@dataclass(frozen=True, slots=True)
class PauseSignal(Command):
    """Argument of the signal: whether to pause or resume; of several, the highest number counts."""

    command: ClassVar[str] = PAUSE_SIGNAL
    number: int
    paused: bool
