"""How far a walk may go, in all and in one workflow task."""

from __future__ import annotations

from dataclasses import dataclass

from engine.interpreter.faults import ExhaustedError
from engine.interpreter.world import World

STEPS_WALKED_MAX = 10_000
STEPS_PER_TASK = 200  # then the workflow lets Temporal have its turn: a task may not take 2 seconds
CPU_SECONDS_PER_TASK = 0.75
ASKED_PER_TASK = 50  # expressions of event filters: however many events come at once


@dataclass(slots=True)
class Pace:
    """Counts steps, and the CPU time of expressions."""

    world: World
    steps: int = 0
    asked: int = 0
    _mark: int = -1
    _cpu_seconds: float = 0.0

    async def step(self) -> None:
        """Count one more step.

        :raises ExhaustedError: when there were too many.
        """
        self.steps += 1
        if self.steps > STEPS_WALKED_MAX:
            raise ExhaustedError(f"more than {STEPS_WALKED_MAX} steps were walked (stepsWalked)")
        if self.steps % STEPS_PER_TASK == 0:
            await self.world.sleep(0.001, summary="turn")

    async def look(self) -> None:
        """Let Temporal have its turn when looking at events has taken many expressions."""
        if self.asked >= ASKED_PER_TASK:
            self.asked = 0
            await self.world.sleep(0.001, summary="turn")

    def spend(self, cpu_seconds: float) -> None:
        """Count CPU time that the workflow task waited for.

        :raises ExhaustedError: when it was too much for one task.
        """
        mark = self.world.task_mark()
        if mark != self._mark:
            self._mark, self._cpu_seconds = mark, 0.0
        self._cpu_seconds += cpu_seconds
        if self._cpu_seconds > CPU_SECONDS_PER_TASK:
            raise ExhaustedError("the expressions used more time than they may without a pause")
