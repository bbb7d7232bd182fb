"""Budget of an execution: how many tasks and how much work it may do, and when it must pause.

Limits hold for the whole execution, for one workflow task, and for one minute of the account.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.expressions.sandbox.pool import ProgramOutput
from engine.interpreter.runtime.environment import Environment
from engine.language.errors import ExhaustedError

TASKS_RUN_MAX = 10_000
TASKS_PER_MINUTE = 10_000  # of all executions of an account together; past it they wait
# After so many tasks the workflow yields to Temporal, whose workflow tasks may not take 2 seconds.
TASKS_PER_WORKFLOW_TASK = 200
CPU_SECONDS_PER_TASK = 0.75
# The weight of the work since the last yield, in bytes that sandbox processes receive and return.
# Each byte takes a quarter of a microsecond at most. Unlike a clock, the weight is the same on
# replay. The worker's own work has a higher weight, because all its workflow tasks share one Python
# process.
WEIGHT_PER_TASK = 2_000_000
WEIGHT_PER_PROGRAM = 20_000
WEIGHT_PER_VALUE = 10
FILTER_EXPRESSIONS_PER_TASK = 50  # then the workflow yields, however many events arrived at once


@dataclass(slots=True)
class Budget:
    """Counter of an execution's tasks, of the weight of its work, and of CPU time."""

    environment: Environment
    tasks: int = 0
    weight: int = 0
    filter_expressions: int = 0  # since the last yield
    _yielding: bool = False
    _workflow_task_mark: int = -1
    _cpu_seconds: float = 0.0

    async def count_task(self) -> bool:
        """Count one more task; when due, yield to Temporal and wait for the account's minute.

        :return: whether it yielded.
        :raises ExhaustedError: when the execution ran more than TASKS_RUN_MAX tasks.
        """
        while self._yielding:  # no other strand continues meanwhile
            await self.environment.wait_until(lambda: not self._yielding)
        self.tasks += 1
        if self.tasks > TASKS_RUN_MAX:
            raise ExhaustedError(f"more than {TASKS_RUN_MAX} steps were walked (stepsWalked)")
        full = self.tasks % TASKS_PER_WORKFLOW_TASK == 0
        heavy = self.weight >= WEIGHT_PER_TASK
        if full or heavy:
            await self._yield(TASKS_PER_WORKFLOW_TASK if full else 0)
        return full or heavy

    def uncounted_tasks(self) -> int:
        """Return how many tasks ran since the last ones were counted for the account."""
        return self.tasks % TASKS_PER_WORKFLOW_TASK

    async def yield_after_filters(self) -> None:
        """Yield to Temporal when event filters evaluated many expressions."""
        if self.filter_expressions >= FILTER_EXPRESSIONS_PER_TASK:
            self.filter_expressions = 0
            await self.environment.sleep(0.001, summary="turn")

    def add_weight(self, weight: int) -> None:
        """Count the weight of work that was done."""
        self.weight += weight

    def spend(self, answer: ProgramOutput) -> None:
        """Count the CPU time and the bytes of a sandbox process's answer.

        :raises ExhaustedError: when one workflow task used more than CPU_SECONDS_PER_TASK.
        """
        if not answer.size:
            return
        self.add_weight(answer.size + WEIGHT_PER_PROGRAM)
        mark = self.environment.workflow_task_mark()
        if mark != self._workflow_task_mark:
            self._workflow_task_mark, self._cpu_seconds = mark, 0.0
        self._cpu_seconds += answer.cpu_seconds
        if self._cpu_seconds > CPU_SECONDS_PER_TASK:
            raise ExhaustedError("the expressions used more time than they may without a pause")

    async def _yield(self, tasks: int) -> None:
        self.weight = 0
        self._yielding = True
        try:
            seconds = await self.environment.take_tasks(tasks) if tasks else 0.0
            await self.environment.sleep(max(0.001, seconds), summary="turn")
        finally:
            self._yielding = False
