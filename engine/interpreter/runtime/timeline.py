"""The journal of an execution: what a walk tells of its steps, and nothing of the user's.

It costs neither an activity nor an event of history: the entries leave by a sink of the process, and as
their numbers are the same on replay, whoever takes up a walk tells them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, Self

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
from engine.interpreter.runtime.environment import World
from engine.language.errors import Problem, standard_kind
from engine.language.model import Step


class Sink(Protocol):
    """Where entries go; it may neither fail nor wait."""

    def put(self, entry: TimelineEntry) -> None:
        """Take an entry."""
        ...


class Door:
    """Where this process' entries leave to: nowhere, unless it was told."""

    sink: Sink | None = None


@dataclass(slots=True)
class Scribe:
    """Numbers what happens to the steps of a walk, and knows which are under way."""

    account_id: str
    execution_id: str
    world: World
    seq: int = 0
    running: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED_PHASES, 0))

    def began(self, step: Step, attempt: int) -> None:
        """Tell that a step runs."""
        self.running = (*self.running, step.place)
        self._tell(step.place, step.does, STARTED, attempt)

    def goes_on(self, step: Step, attempt: int) -> None:
        """Tell that a step runs which another execution, that this one goes on for, had begun."""
        if step.place not in self.running:
            self.began(step, attempt)

    def skipped(self, step: Step, attempt: int) -> None:
        """Tell that a step's condition does not hold."""
        self._tell(step.place, step.does, SKIPPED, attempt)

    def completed(self, step: Step, attempt: int) -> None:
        """Tell that a step ran to its end."""
        self._leave(step)
        self._tell(step.place, step.does, COMPLETED, attempt)

    def failed(self, step: Step, attempt: int, error: str) -> None:
        """Tell that a step failed."""
        self._leave(step)
        self._tell(step.place, step.does, FAILED, attempt, error)

    def cancelled(self, step: Step, attempt: int) -> None:
        """Tell that a step was stopped by what surrounds it, if it had begun."""
        if step.place in self.running:
            self._leave(step)
            self._tell(step.place, step.does, CANCELLED, attempt)

    def retries(self, step: Step | None, attempt: int, problem: Problem) -> None:
        """Tell that what a step tries has failed, and will be tried again."""
        if step is not None:
            self._tell(step.place, step.does, RETRYING, attempt, kind_of(problem))

    def held(self, *, paused: bool) -> None:
        """Tell that the walk stands still before its next step, or goes on."""
        self._tell("", "", PAUSED if paused else RESUMED, 1)

    def written(self) -> dict[str, Any]:
        """Return it as an object of JSON values."""
        return {"seq": self.seq, "running": self.running, "counts": self.counts}

    def resume(self, written: dict[str, Any]) -> Self:
        """Go on from the state that `written` returned."""
        self.seq, self.running, self.counts = (
            written["seq"],
            tuple(written["running"]),
            written["counts"],
        )
        return self

    def _leave(self, step: Step) -> None:
        """Take out the step that began last of those in its place."""
        for at in range(len(self.running) - 1, -1, -1):
            if self.running[at] == step.place:
                self.running = (*self.running[:at], *self.running[at + 1 :])
                return

    def _tell(
        self, place: str, kind: str, phase: str, attempt: int, error: str | None = None
    ) -> None:
        self.seq += 1
        if phase in self.counts:
            self.counts[phase] += 1
        ids, counts = (self.account_id, self.execution_id), tuple(self.counts.values())
        at, running = self.world.now(), self.running
        self.world.note(
            TimelineEntry(*ids, self.seq, place, kind, phase, attempt, at, error, running, counts)
        )


def kind_of(problem: Problem) -> str:
    """Return the last segment of a standard type; users' own types may say anything."""
    return standard_kind(problem.type) or RAISED
