"""The journal of an execution: what a walk tells of its steps, and nothing of the user's.

It costs neither an activity nor an event of history: the entries leave by a sink of the process, and as
their numbers are the same on replay, whoever takes up a walk tells them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self

from engine.contracts.timeline import (
    CANCELLED,
    COMPLETED,
    COUNTED,
    FAILED,
    PAUSED,
    RAISED,
    RESUMED,
    RETRYING,
    SKIPPED,
    STARTED,
    Entry,
)
from engine.language.errors import Problem, standard_kind
from engine.language.model import Task


class Sink(Protocol):
    """Where entries go; it may neither fail nor wait."""

    def put(self, entry: Entry) -> None:
        """Take an entry."""
        ...


class _Notes(Protocol):
    """What the journal needs of the walk's world."""

    def now(self) -> datetime:
        """Return the time of the run, the same on replay."""
        ...

    def note(self, entry: Entry) -> None:
        """Hand an entry over."""
        ...


class Door:
    """Where this process' entries leave to: nowhere, unless it was told."""

    sink: Sink | None = None


@dataclass(slots=True)
class Scribe:
    """Numbers what happens to the steps of a walk, and knows which are under way."""

    account_id: str
    execution_id: str
    environment: _Notes
    seq: int = 0
    running: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))

    def began(self, task: Task, attempt: int) -> None:
        """Tell that a step runs."""
        self.running = (*self.running, task.place)
        self._tell(task.place, task.kind, STARTED, attempt)

    def goes_on(self, task: Task, attempt: int) -> None:
        """Tell that a step runs which another execution, that this one goes on for, had begun."""
        if task.place not in self.running:
            self.began(task, attempt)

    def skipped(self, task: Task, attempt: int) -> None:
        """Tell that a step's condition does not hold."""
        self._tell(task.place, task.kind, SKIPPED, attempt)

    def completed(self, task: Task, attempt: int) -> None:
        """Tell that a step ran to its end."""
        self._leave(task)
        self._tell(task.place, task.kind, COMPLETED, attempt)

    def failed(self, task: Task, attempt: int, error: str) -> None:
        """Tell that a step failed."""
        self._leave(task)
        self._tell(task.place, task.kind, FAILED, attempt, error)

    def cancelled(self, task: Task, attempt: int) -> None:
        """Tell that a step was stopped by what surrounds it, if it had begun."""
        if task.place in self.running:
            self._leave(task)
            self._tell(task.place, task.kind, CANCELLED, attempt)

    def retries(self, task: Task | None, attempt: int, problem: Problem) -> None:
        """Tell that what a step tries has failed, and will be tried again."""
        if task is not None:
            self._tell(task.place, task.kind, RETRYING, attempt, kind_of(problem))

    def held(self, *, paused: bool) -> None:
        """Tell that the walk stands still before its next step, or goes on."""
        self._tell("", "", PAUSED if paused else RESUMED, 1)

    def written(self) -> dict[str, Any]:
        """Return it as an object of JSON values."""
        return {"seq": self.seq, "running": self.running, "counts": self.counts}

    def resume(self, written: dict[str, Any]) -> Self:
        """Go on where it was written; with nothing written, from the beginning."""
        self.seq = written.get("seq", 0)
        self.running = tuple(written.get("running", ()))
        self.counts |= written.get("counts", {})
        return self

    def _leave(self, task: Task) -> None:
        """Take out the step that began last of those in its place."""
        for at in range(len(self.running) - 1, -1, -1):
            if self.running[at] == task.place:
                self.running = (*self.running[:at], *self.running[at + 1 :])
                return

    def _tell(
        self, place: str, kind: str, phase: str, attempt: int, error: str | None = None
    ) -> None:
        self.seq += 1
        if phase in self.counts:
            self.counts[phase] += 1
        ids, counts = (self.account_id, self.execution_id), tuple(self.counts.values())
        at, running = self.environment.now(), self.running
        self.environment.note(
            Entry(*ids, self.seq, place, kind, phase, attempt, at, error, running, counts)
        )


def kind_of(problem: Problem) -> str:
    """Return the last segment of a standard type; users' own types may say anything."""
    return standard_kind(problem.type) or RAISED
