"""TODO."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

STARTED, COMPLETED, FAILED = "started", "completed", "failed"
CANCELLED, SKIPPED, RETRYING = "cancelled", "skipped", "retrying"
COUNTED = (STARTED, COMPLETED, FAILED, CANCELLED, SKIPPED, RETRYING)
PAUSED, RESUMED = "paused", "resumed"  # of the whole walk: neither place nor kind
PHASES = (*COUNTED, PAUSED, RESUMED)
RAISED = "raised"  # the kind of an error that is none of the standard's: users write their own


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a step, and how far the walk is after it."""

    account_id: str
    execution_id: str
    seq: int  # from 1, counted over all runs of the execution
    place: str  # of the step: its pointer without names
    kind: str  # the member that says what the step does
    phase: str
    attempt: int  # from 1: of the innermost `try` around the step; of a `try` that retries, the one to come
    at: datetime
    error: str | None  # a standard kind, or RAISED
    running: tuple[str, ...]  # places, outermost first
    counts: tuple[int, ...]  # of all entries up to this one, by COUNTED
