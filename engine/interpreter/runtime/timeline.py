"""Recorder of an execution's timeline: entries about its tasks, without any data of the user.

Entries cost neither an activity nor a history event: they leave the workflow through a sink of the
process. Their numbers are the same on replay, so a worker that takes over an execution records the
same entries again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.contracts.timeline import (
    CANCELLED,
    COMPLETED,
    COUNTED_PHASES,
    FAILED,
    PAUSED,
    RAISED,
    RESUMED,
    RETRYING,
    SKIPPED,
    STARTED,
    TimelineEntry,
)
from engine.interpreter.runtime.environment import Environment
from engine.language.errors import ProblemDetails, standard_kind
from engine.language.model import Task


class TimelineSink(Protocol):
    """Receiver of a process's timeline entries; it neither fails nor waits."""

    def add(self, entry: TimelineEntry) -> None:
        """Receive an entry."""
        ...


class TimelineOutput:
    """Holder of the sink of this process; without a sink, entries are dropped."""

    sink: TimelineSink | None = None


@dataclass(slots=True)
class TimelineRecorder:
    """Recorder that numbers the entries of one execution and knows which tasks run."""

    account_id: str
    execution_id: str
    environment: Environment
    seq: int = 0
    running: tuple[str, ...] = ()  # places of the tasks that run, in the order of their start
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED_PHASES, 0))

    def record_started(self, task: Task, attempt: int) -> None:
        """Record that a task started."""
        self.running = (*self.running, task.place)
        self._record(task.place, task.kind, STARTED, attempt)

    def ensure_started(self, task: Task, attempt: int) -> None:
        """Record the start of a task that the retried execution, not this one, started."""
        if task.place not in self.running:
            self.record_started(task, attempt)

    def record_skipped(self, task: Task, attempt: int) -> None:
        """Record that a task's condition does not hold."""
        self._record(task.place, task.kind, SKIPPED, attempt)

    def record_completed(self, task: Task, attempt: int) -> None:
        """Record that a task completed."""
        self._remove_running(task)
        self._record(task.place, task.kind, COMPLETED, attempt)

    def record_failed(self, task: Task, attempt: int, error_kind: str) -> None:
        """Record that a task failed, and the kind of its error."""
        self._remove_running(task)
        self._record(task.place, task.kind, FAILED, attempt, error_kind)

    def record_cancelled(self, task: Task, attempt: int) -> None:
        """Record that a task was cancelled, if it had started."""
        if task.place in self.running:
            self._remove_running(task)
            self._record(task.place, task.kind, CANCELLED, attempt)

    def record_retry(self, task: Task | None, attempt: int, problem: ProblemDetails) -> None:
        """Record that the tasks of a `try` failed and will run again."""
        if task is not None:
            self._record(task.place, task.kind, RETRYING, attempt, error_kind_of(problem))

    def record_pause(self, *, paused: bool) -> None:
        """Record that the execution paused before its next task, or resumed."""
        self._record("", "", PAUSED if paused else RESUMED, 1)

    def to_json(self) -> dict[str, Any]:
        """Return the recorder's state as an object of JSON values."""
        return {"seq": self.seq, "running": self.running, "counts": self.counts}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state that `to_json` returned."""
        self.seq, self.running = state["seq"], tuple(state["running"])
        self.counts = state["counts"]

    def _remove_running(self, task: Task) -> None:
        """Remove the task that started last of those at this place."""
        for index in range(len(self.running) - 1, -1, -1):
            if self.running[index] == task.place:
                self.running = (*self.running[:index], *self.running[index + 1 :])
                return

    def _record(
        self, place: str, kind: str, phase: str, attempt: int, error_kind: str | None = None
    ) -> None:
        self.seq += 1
        if phase in self.counts:
            self.counts[phase] += 1
        ids, counts = (self.account_id, self.execution_id), tuple(self.counts.values())
        at, running = self.environment.now(), self.running
        self.environment.record(
            TimelineEntry(
                *ids, self.seq, place, kind, phase, attempt, at, error_kind, running, counts
            )
        )


def error_kind_of(problem: ProblemDetails) -> str:
    """Return the standard kind of an error, or RAISED for a type that the user wrote."""
    return standard_kind(problem.type) or RAISED
