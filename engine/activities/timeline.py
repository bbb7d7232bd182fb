"""Activity that stores the timeline entries of an execution."""

from __future__ import annotations

from temporalio import activity

from engine.contracts.executions import FLUSH_TIMELINE, TimelineFlush
from engine.workflows.executions.timeline_writer import TimelineWriter


class TimelineActivities:
    """Activities of timelines."""

    def __init__(self, writer: TimelineWriter) -> None:
        self._writer = writer

    @activity.defn(name=FLUSH_TIMELINE)
    def flush(self, flush: TimelineFlush) -> None:
        """Store the pending entries of an execution."""
        self._writer.flush(flush.account_id, flush.execution_id)
