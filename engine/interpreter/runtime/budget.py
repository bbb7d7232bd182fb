"""How far a walk may go: in all, in one workflow task, and in a minute beside its account's others."""

from __future__ import annotations

from dataclasses import dataclass

from engine.expressions.sandbox.pool import Answer
from engine.interpreter.runtime.environment import Environment
from engine.language.errors import ExhaustedError

TASKS_RUN_MAX = 10_000
TASKS_PER_MINUTE = 10_000  # of all executions of an account together; past that they wait
TASKS_PER_WORKFLOW_TASK = (
    200  # then the workflow lets Temporal have its turn: a task may not take 2 seconds
)
CPU_SECONDS_PER_TASK = 0.75
# What a walk does between two turns is weighed as well, in bytes that children are told and answer, each a
# quarter of a microsecond at the most: the same in each replay, which no clock is. What the worker does
# itself weighs more, for all its tasks share one interpreter.
WEIGHT_PER_TASK = 2_000_000
WEIGHT_PER_PROGRAM = 20_000
WEIGHT_PER_VALUE = 10
WEIGHED_SINCE = 2  # of the interpreters
ASKED_PER_TASK = 50  # expressions of event filters: however many events come at once


@dataclass(slots=True)
class Budget:
    """Counts steps, and the CPU time of expressions."""

    environment: Environment
    counted: bool = False  # whether steps count among the account's
    weighed: bool = False  # whether it takes a turn when much has been done
    tasks: int = 0
    weight: int = 0
    asked: int = 0
    _turning: bool = False
    _mark: int = -1
    _cpu_seconds: float = 0.0

    async def count_task(self) -> bool:
        """Count one more step; now and then wait: for Temporal, and for the account's minute.

        :return: whether it waited.
        :raises ExhaustedError: when there were too many.
        """
        while self._turning:  # no other strand goes on meanwhile
            await self.environment.wait_until(lambda: not self._turning)
        self.tasks += 1
        if self.tasks > TASKS_RUN_MAX:
            raise ExhaustedError(f"more than {TASKS_RUN_MAX} steps were walked (stepsWalked)")
        full, heavy = (
            self.tasks % TASKS_PER_WORKFLOW_TASK == 0,
            self.weighed and self.weight >= WEIGHT_PER_TASK,
        )
        if full or heavy:
            await self._turn(TASKS_PER_WORKFLOW_TASK if full else 0)
        return full or heavy

    def uncounted(self) -> int:
        """Return how many steps were walked since the account's were counted."""
        return self.tasks % TASKS_PER_WORKFLOW_TASK if self.counted else 0

    async def yield_after_filters(self) -> None:
        """Let Temporal have its turn when looking at events has taken many expressions."""
        if self.asked >= ASKED_PER_TASK:
            self.asked = 0
            await self.environment.sleep(0.001, summary="turn")

    def weigh(self, weight: int) -> None:
        """Count what was done."""
        self.weight += weight

    def spend(self, answer: Answer) -> None:
        """Count what the workflow task waited for: a child's time.

        :raises ExhaustedError: when it was too much for one task.
        """
        if not answer.told:
            return
        self.weigh(answer.told + WEIGHT_PER_PROGRAM)
        mark = self.environment.workflow_task_mark()
        if mark != self._mark:
            self._mark, self._cpu_seconds = mark, 0.0
        self._cpu_seconds += answer.cpu_seconds
        if self._cpu_seconds > CPU_SECONDS_PER_TASK:
            raise ExhaustedError("the expressions used more time than they may without a pause")

    async def _turn(self, tasks: int) -> None:
        self.weight = 0
        if not self.counted:  # it began before steps were counted
            await self.environment.sleep(0.001, summary="turn")
            return
        self._turning = True
        try:
            seconds = await self.environment.take_tasks(tasks) if tasks else 0.0
            await self.environment.sleep(max(0.001, seconds), summary="turn")
        finally:
            self._turning = False
