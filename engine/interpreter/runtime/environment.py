"""What a walk needs from where it runs: time, chance, waiting and calls, the same on every replay.

A Protocol although Temporal alone provides it: Temporal's workflows import the interpreter, which therefore
cannot import them, and the interpreter is to know nothing of Temporal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from engine.contracts.child_executions import ChildOutcome
from engine.contracts.executions import ExecutionStart
from engine.contracts.timeline import TimelineEntry
from engine.language.model import Step

RUNTIME = {"name": "cloud-api", "version": "1", "metadata": {}}


class World(Protocol):
    """What a walk needs from where it runs; the workflow provides it from Temporal."""

    def now(self) -> datetime:
        """Return the time of the run, the same on replay."""
        ...

    def task_mark(self) -> int:
        """Return a number that differs from one workflow task to the next."""
        ...

    def crowded(self, patient: bool) -> bool:
        """Tell whether the history is so long that a new run should go on; with patience, that it must."""
        ...

    async def sleep(self, seconds: float, *, summary: str) -> None:
        """Wait, however long, whatever restarts."""
        ...

    async def call(
        self,
        name: str,
        argument: Any,
        *,
        answer: type,
        step: Step | None,
        number: int,
        seconds: float,
        repeatable: bool,
    ) -> Any:
        """Run an activity for a step; `number` tells apart the calls of one execution.

        :raises FaultError: when it failed.
        """
        ...

    async def run(self, start: ExecutionStart, *, waits: bool) -> ChildOutcome | None:
        """Start an execution of its own, and when it is waited for, tell its end.

        Nothing when it is not waited for, or was ended from outside.
        """
        ...

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that signals bring about."""
        ...

    async def take_steps(self, steps: int) -> float:
        """Count steps among the account's of this minute; return the seconds to wait before the next."""
        ...

    def note(self, entry: TimelineEntry) -> None:
        """Hand an entry of the journal over, for as long as the walk goes on here."""
        ...

    async def publish(self, batch: Sequence[dict[str, Any]]) -> None:
        """Hand events over to the account's keeping."""
        ...

    def uuid(self) -> str:
        """Return a random id, the same on replay."""
        ...

    def random_between(self, low: float, high: float) -> float:
        """Return a random number, the same on replay."""
        ...


def moment(at: datetime) -> dict[str, Any]:
    """Return a time as the specification's date time descriptor."""
    milliseconds = int(at.timestamp() * 1000)
    return {
        "iso8601": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "epoch": {"seconds": milliseconds // 1000, "milliseconds": milliseconds},
    }
