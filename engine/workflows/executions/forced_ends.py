"""Ends of executions that their interpreter could not end: stopped, timed out or lost.

They contain no data of a user, so that a row can store their names without a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from temporalio.client import WorkflowExecutionStatus

from engine.language.errors import STANDARD, TYPES


@dataclass(frozen=True, slots=True)
class ForcedEnd:
    """Error of the workflow language by its kind, with its detail and the name that rows store."""

    name: str
    kind: str
    detail: str

    def error(self) -> dict[str, Any]:
        """Return the error that the execution ends with."""
        status, title = STANDARD[self.kind]
        return {"type": TYPES + self.kind, "status": status, "title": title, "detail": self.detail}


STOP = ForcedEnd("stopped", "runtime", "The execution was stopped from outside.")
TIMED_OUT = ForcedEnd("late", "timeout", "The execution took longer than it may.")
UNRECORDED = ForcedEnd("untold", "runtime", "The execution ended, but its outcome was not stored.")
LOSS = ForcedEnd("lost", "runtime", "Temporal no longer knows the execution.")
BY_NAME = {end.name: end for end in (STOP, TIMED_OUT, UNRECORDED, LOSS)}


def end_of(status: WorkflowExecutionStatus | None) -> ForcedEnd:
    """Return the end of a workflow that closed while its row was running."""
    ends = {
        WorkflowExecutionStatus.TIMED_OUT: TIMED_OUT,
        WorkflowExecutionStatus.COMPLETED: UNRECORDED,
        WorkflowExecutionStatus.FAILED: UNRECORDED,
    }
    return STOP if status is None else ends.get(status, STOP)
