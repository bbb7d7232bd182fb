"""Pause of an execution: it starts no further task until it is resumed; running tasks finish.

Commands arrive as signals, which may overtake each other. Each command has a number, and the one
with the highest number counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.interpreter.runtime.environment import Environment
from engine.interpreter.runtime.frames import Frame
from engine.interpreter.runtime.quiescence import Quiescence
from engine.interpreter.runtime.timeline import TimelineRecorder


@dataclass(slots=True)
class Pause:
    """Whether an execution is paused, by the last command, and whether its timeline shows it."""

    number: int = 0
    paused: bool = False
    is_recorded: bool = False

    def apply(self, number: int, *, paused: bool) -> None:
        """Apply a command, unless one with the same or a higher number was applied before."""
        if number > self.number:
            self.number, self.paused = number, paused

    def to_json(self) -> dict[str, Any]:
        """Return the state as an object of JSON values, for a checkpoint."""
        return {"number": self.number, "paused": self.paused, "told": self.is_recorded}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Pause:
        """Return the pause whose state `to_json` returned."""
        return cls(state["number"], state["paused"], is_recorded=state["told"])

    async def wait(
        self,
        frame: Frame,
        quiescence: Quiescence,
        environment: Environment,
        timeline: TimelineRecorder,
    ) -> None:
        """Return at once, or when a paused execution is resumed.

        The strand is idle while it waits, so that the execution can continue as new.
        """
        while self.paused:
            if not self.is_recorded:
                self.is_recorded = True
                timeline.record_pause(paused=True)
            with quiescence.idle(frame):
                await environment.wait_until(lambda: not self.paused)
        if self.is_recorded:
            self.is_recorded = False
            timeline.record_pause(paused=False)
