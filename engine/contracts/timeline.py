"""Entries of execution timelines: phases of steps, and the progress after each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

STARTED, COMPLETED, FAILED = "started", "completed", "failed"
CANCELLED, SKIPPED, RETRYING = "cancelled", "skipped", "retrying"
COUNTED_PHASES = (STARTED, COMPLETED, FAILED, CANCELLED, SKIPPED, RETRYING)
PAUSED, RESUMED = "paused", "resumed"  # of the whole walk: neither place nor kind
PHASES = (*COUNTED_PHASES, PAUSED, RESUMED)
RAISED = "raised"  # kind of an error of the user's own, which the standard does not have


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Phase that a step has reached, and the progress of the walk after it."""

    account_id: str
    execution_id: str
    seq: int  # from 1, counted over all runs of the execution
    place: str  # of the step: its pointer without names
    kind: str  # the member that says what the step does
    phase: str
    attempt: int  # from 1: of the innermost `try` around the step, or of a `try` the next one
    at: datetime
    error: str | None  # a standard kind, or RAISED
    running: tuple[str, ...]  # places, outermost first
    counts: tuple[int, ...]  # of all entries up to this one, by COUNTED_PHASES
