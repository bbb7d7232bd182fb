"""What the expressions of one workflow task may use up together: a task may not take two seconds."""

from __future__ import annotations

from dataclasses import dataclass

from engine.interpreter.faults import ExhaustedError

CPU_SECONDS_PER_TASK = 0.75


@dataclass(slots=True)
class Spending:
    """The CPU time used in the workflow task that runs at the moment."""

    _mark: int = -1
    _cpu_seconds: float = 0.0

    def add(self, cpu_seconds: float, mark: int) -> None:
        """Count time used; `mark` differs from one workflow task to the next.

        :raises ExhaustedError: when it is too much.
        """
        if mark != self._mark:
            self._mark, self._cpu_seconds = mark, 0.0
        self._cpu_seconds += cpu_seconds
        if self._cpu_seconds > CPU_SECONDS_PER_TASK:
            raise ExhaustedError("the expressions used more time than they may without a pause")
