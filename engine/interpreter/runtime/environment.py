"""Environment of an execution: time, random values, waiting, calls; equal on every replay.

It is a Protocol although Temporal alone provides it. Temporal's workflows import the interpreter,
which therefore cannot import them; and the interpreter is independent of Temporal's workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from engine.contracts.child_executions import ChildOutcome
from engine.contracts.executions import ExecutionStart
from engine.contracts.timeline import TimelineEntry
from engine.language.model import Task

RUNTIME = {"name": "cloud-api", "version": "1", "metadata": {}}


@dataclass(frozen=True, slots=True)
class ActivityCall:
    """Call of an activity: its name and argument, the type of its answer, and its time limit."""

    name: str
    argument: Any
    answer: type
    seconds: float
    repeatable: bool = False  # whether it runs again when its worker is lost


class Environment(Protocol):
    """What an interpreter needs from outside; a Temporal workflow provides it."""

    def now(self) -> datetime:
        """Return the time of the workflow task, the same on replay."""
        ...

    def workflow_task_mark(self) -> int:
        """Return a number that differs from one workflow task to the next."""
        ...

    def is_history_long(self, patient: bool) -> bool:
        """Return whether the execution should continue as new; with `patient`, whether it must."""
        ...

    async def sleep(self, seconds: float, *, summary: str) -> None:
        """Wait for some seconds, across restarts of workers."""
        ...

    async def call(self, call: ActivityCall, *, task: Task | None, number: int) -> Any:
        """Run an activity for a task; `number` distinguishes the calls of one execution.

        :raises FaultError: when the activity failed.
        """
        ...

    async def run_child(self, start: ExecutionStart, *, waits: bool) -> ChildOutcome | None:
        """Start a child execution; if the parent waits for it, return how it ended.

        None when the parent does not wait, or when the child was ended from outside.
        """
        ...

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds that signals or other strands change."""
        ...

    async def take_tasks(self, count: int) -> float:
        """Count tasks among those of the account in this minute.

        :return: the seconds to wait before the next task.
        """
        ...

    def record(self, entry: TimelineEntry) -> None:
        """Send an entry of the timeline to the sink of the process."""
        ...

    async def publish(self, batch: Sequence[dict[str, Any]]) -> None:
        """Store a batch of events in the account's event store."""
        ...

    def uuid(self) -> str:
        """Return a random id, the same on replay."""
        ...

    def random_between(self, low: float, high: float) -> float:
        """Return a random number, the same on replay."""
        ...


def date_time(at: datetime) -> dict[str, Any]:
    """Return a time as a date time descriptor (DSL reference, "DateTime Descriptor")."""
    milliseconds = int(at.timestamp() * 1000)
    return {
        "iso8601": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "epoch": {"seconds": milliseconds // 1000, "milliseconds": milliseconds},
    }
