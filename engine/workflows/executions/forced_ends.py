"""Endings: how an execution ends that its interpreter could not end.

They say nothing of a user's, so that they can be kept by their name, without a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from temporalio.client import WorkflowExecutionStatus

from engine.language.errors import STANDARD, TYPES


@dataclass(frozen=True, slots=True)
class Ending:
    """An error of the workflow language, by its kind, and what it says; `name` is how it is kept."""

    name: str
    kind: str
    detail: str

    def error(self) -> dict[str, Any]:
        """Return the error that the execution ends with."""
        status, title = STANDARD[self.kind]
        return {"type": TYPES + self.kind, "status": status, "title": title, "detail": self.detail}


STOPPED = Ending("stopped", "runtime", "The execution was stopped from outside.")
LATE = Ending("late", "timeout", "The execution took longer than it may.")
UNTOLD = Ending("untold", "runtime", "The execution ended, and what it ended with was not kept.")
LOST = Ending("lost", "runtime", "The execution is known no more to what ran it.")
NAMED = {ending.name: ending for ending in (STOPPED, LATE, UNTOLD, LOST)}


def ending_of(status: WorkflowExecutionStatus | None) -> Ending:
    """Return the ending of a workflow that closed while its row was running."""
    told = {WorkflowExecutionStatus.TIMED_OUT: LATE, WorkflowExecutionStatus.COMPLETED: UNTOLD}
    return STOPPED if status is None else told.get(status, STOPPED)
