"""Pausing: a walk holds before its next step until it is resumed; what is in flight ends first.

The word comes by a signal, and words may overtake one another: each has a number, and the highest counts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from engine.interpreter.runtime.environment import Environment
from engine.interpreter.runtime.frames import Frame
from engine.interpreter.runtime.quiescence import Quiescence
from engine.interpreter.runtime.timeline import Scribe


@dataclass(slots=True)
class Hold:
    """Whether a walk is paused, by the last word, and whether its journal says so."""

    number: int = 0
    paused: bool = False
    told: bool = False

    def hear(self, number: int, *, paused: bool) -> None:
        """Take in a word, unless a later one was heard before."""
        if number > self.number:
            self.number, self.paused = number, paused

    def written(self) -> dict[str, Any]:
        """Return it as an object of JSON values."""
        return asdict(self)

    async def passed(
        self, frame: Frame, quiescence: Quiescence, environment: Environment, scribe: Scribe
    ) -> None:
        """Return at once, or when a walk that is paused goes on; meanwhile it may go over to a new run."""
        while self.paused:
            if not self.told:
                self.told = True
                scribe.held(paused=True)
            with quiescence.idle(frame):
                await environment.until(lambda: not self.paused)
        if self.told:
            self.told = False
            scribe.held(paused=False)
