"""Environment of an execution that runs in a Temporal workflow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

from engine.contracts.child_executions import ChildOutcome
from engine.contracts.events import PUBLISH_EVENTS, Publication
from engine.contracts.executions import (
    COUNT_STEPS,
    FLUSH_TIMELINE,
    ExecutionStart,
    StepCount,
    TimelineFlush,
)
from engine.contracts.timeline import TimelineEntry
from engine.interpreter.runtime.environment import ActivityCall
from engine.interpreter.runtime.timeline import TimelineOutput
from engine.language.errors import STANDARD, fault
from engine.language.model import Task
from engine.temporal_workflows.child_workflows import execution_workflow, start_child_workflow
from engine.temporal_workflows.crowding import run_when_uncrowded
from engine.temporal_workflows.local_activities import run_local_activity

ABANDON, REQUEST_CANCEL = (
    workflow.ParentClosePolicy.ABANDON,
    workflow.ParentClosePolicy.REQUEST_CANCEL,
)
# Past these, an execution continues as new even while calls are in flight. Temporal ends an
# execution at 51,200 events or 50 MiB.
EVENTS_MAX = 16_384
HISTORY_BYTES_MAX = 16 * 1_048_576
# Temporal misses a killed worker after this time; a busy worker must send its heartbeat within it.
HEARTBEAT = timedelta(seconds=10)
ATTEMPTS_MAX = 5
# Of a call that took too long, in the words of Temporal's server.
TOO_LONG = "TemporalTimeout:StartToClose"
_NO_RETRY = RetryPolicy(maximum_attempts=1)
# Outages, and calls whose worker was lost, alone.
_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=0.5),
    maximum_attempts=ATTEMPTS_MAX,
    non_retryable_error_types=[TOO_LONG],
)


@dataclass(frozen=True, slots=True)
class TemporalEnvironment:
    """Environment that the current Temporal workflow provides."""

    account_id: str
    execution_id: str

    def now(self) -> datetime:
        """Return the time of the workflow task."""
        return workflow.now()

    def workflow_task_mark(self) -> int:
        """Return the length of the history, which grows with each workflow task."""
        return workflow.info().get_current_history_length()

    def uuid(self) -> str:
        """Return a random id, the same on replay."""
        return str(workflow.uuid4())

    def is_history_long(self, patient: bool) -> bool:
        """Return whether Temporal suggests to continue as new; if `patient`, whether urgently."""
        info = workflow.info()
        if not info.is_continue_as_new_suggested():
            return False
        length, size = info.get_current_history_length(), info.get_current_history_size()
        return not patient or length > EVENTS_MAX or size > HISTORY_BYTES_MAX

    async def sleep(self, seconds: float, *, summary: str) -> None:
        """Wait for a timer of the Temporal server."""
        await workflow.sleep(timedelta(seconds=seconds), summary=summary)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds that signals or other strands change."""
        await workflow.wait_condition(condition)

    async def take_tasks(self, count: int) -> float:
        """Count tasks among those of the account, by a local activity.

        :return: the seconds to wait before the next task.
        """
        argument = StepCount(self.account_id, count)
        return float(await run_local_activity(COUNT_STEPS, argument, float))

    async def publish(self, batch: Sequence[dict[str, Any]]) -> None:
        """Store a batch of events in the account's event store, by a local activity."""
        publication = Publication(self.account_id, self.execution_id, list(batch))
        await run_local_activity(PUBLISH_EVENTS, publication, None)

    def record(self, entry: TimelineEntry) -> None:
        """Send an entry to the sink of the process, on replay too: the first worker may have died.

        `workflow.random` raises when the worker evicts the execution from its cache. The eviction
        cancels all tasks, and those cancellations are no part of the timeline.
        """
        if TimelineOutput.sink is not None:
            workflow.random()
            TimelineOutput.sink.add(entry)

    async def store_timeline(self) -> None:
        """Store the recorded entries, by a local activity: the next run records them no more."""
        argument = TimelineFlush(self.account_id, self.execution_id)
        await run_local_activity(FLUSH_TIMELINE, argument, None)

    def random_between(self, low: float, high: float) -> float:
        """Return a random number, the same on replay."""
        return workflow.random().uniform(low, high)

    async def call(self, call: ActivityCall, *, task: Task | None, number: int) -> Any:
        """Run an activity for a task; a repeatable one runs again when its worker is lost.

        :raises FaultError: when the activity failed.
        """
        place = "" if task is None else task.place
        try:
            return await run_when_uncrowded(
                lambda: workflow.execute_activity(
                    call.name,
                    call.argument,
                    result_type=call.answer,
                    activity_id=f"{place}#{number}",
                    summary=None if task is None else task.name,
                    start_to_close_timeout=timedelta(seconds=call.seconds),
                    heartbeat_timeout=HEARTBEAT,
                    retry_policy=_RETRY if call.repeatable else _NO_RETRY,
                )
            )
        except ActivityError as error:
            raise _fault_of(error) from None

    async def run_child(self, start: ExecutionStart, *, waits: bool) -> ChildOutcome | None:
        """Start an execution as a child workflow; one that is awaited ends when this one does."""
        order = start.ordered
        handle = await start_child_workflow(
            execution_workflow(start, order.definition_id if order is not None else ""),
            execution_timeout=workflow.info().execution_timeout,
            result_type=ChildOutcome,
            parent_close_policy=REQUEST_CANCEL if waits else ABANDON,
        )
        if not waits:
            return None
        try:
            outcome: ChildOutcome = await handle
        except ChildWorkflowError as error:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise asyncio.CancelledError from None
            return _outcome_of(error.cause)
        return outcome


def _outcome_of(cause: BaseException | None) -> ChildOutcome | None:
    """Return the error that a child ended with, or None when it was ended from outside."""
    if isinstance(cause, ApplicationError) and len(cause.details) == 1:
        return ChildOutcome(error=cause.details[0])
    return None


def _fault_of(error: ActivityError) -> BaseException:
    """Return the error of the task that called a failed activity."""
    cause = error.cause
    if isinstance(cause, CancelledError):
        return asyncio.CancelledError()
    if isinstance(cause, ActivityTimeoutError):
        if cause.type == TimeoutType.HEARTBEAT:
            return fault(
                "communication", "the worker was lost; whether the call was made is not known"
            )
        return fault("timeout", "the call took too long")
    if isinstance(cause, ApplicationError) and cause.type in STANDARD:
        status = cause.details[0] if cause.details and isinstance(cause.details[0], int) else None
        return fault(cause.type, cause.message, status=status)
    return fault("runtime", "the call could not be made")
