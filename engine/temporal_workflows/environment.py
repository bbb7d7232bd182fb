"""Temporal, as a walk sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

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
    EXECUTION,
    FLUSH_TIMELINE,
    ExecutionStart,
    StepCount,
    TimelineFlush,
)
from engine.contracts.timeline import TimelineEntry
from engine.contracts.workflow_ids import ExecutionWorkflowId
from engine.interpreter.runtime.timeline import Door
from engine.language.errors import STANDARD, fault
from engine.language.model import Step
from engine.temporal_workflows.child_workflows import start_below
from engine.temporal_workflows.local_activities import locally

ABANDON, REQUEST_CANCEL = (
    workflow.ParentClosePolicy.ABANDON,
    workflow.ParentClosePolicy.REQUEST_CANCEL,
)
# Where patience with what is in flight ends; Temporal ends an execution at 51,200 events or 50 MiB.
EVENTS_MAX = 16_384
HISTORY_BYTES_MAX = 16 * 1_048_576
# A worker that is killed is missed after this long; one that is merely busy must not be.
HEARTBEAT = timedelta(seconds=10)
TRIES_MAX = 5
_ONCE = RetryPolicy(maximum_attempts=1)
_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_attempts=TRIES_MAX)


@dataclass(frozen=True, slots=True)
class TemporalWorld:
    """Time, chance, waiting and calls from the workflow that runs at the moment."""

    account_id: str
    execution_id: str

    def now(self) -> datetime:
        """Return the time of the workflow task."""
        return workflow.now()

    def task_mark(self) -> int:
        """Return the length of the history, which grows with each workflow task."""
        return workflow.info().get_current_history_length()

    def uuid(self) -> str:
        """Return a random id, the same on replay."""
        return str(workflow.uuid4())

    def crowded(self, patient: bool) -> bool:
        """Tell whether Temporal suggests to go on in a new run; with patience, whether it is urgent."""
        info = workflow.info()
        if not info.is_continue_as_new_suggested():
            return False
        length, size = info.get_current_history_length(), info.get_current_history_size()
        return not patient or length > EVENTS_MAX or size > HISTORY_BYTES_MAX

    async def sleep(self, seconds: float, *, summary: str) -> None:
        """Wait by a timer of the server's."""
        await workflow.sleep(timedelta(seconds=seconds), summary=summary)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that signals bring about."""
        await workflow.wait_condition(condition)

    async def take_steps(self, steps: int) -> float:
        """Have steps counted, by a local activity; return the seconds to wait before the next."""
        taken = StepCount(self.account_id, steps)
        return float(await locally(COUNT_STEPS, taken, float))

    async def publish(self, batch: Sequence[dict[str, Any]]) -> None:
        """Write events into the account's keeping, by a local activity."""
        publication = Publication(self.account_id, self.execution_id, list(batch))
        await locally(PUBLISH_EVENTS, publication, None)

    def note(self, entry: TimelineEntry) -> None:
        """Put an entry into the process' sink, on replay too: who told it first may have been killed."""
        if Door.sink is not None:
            workflow.random()  # refused where the worker forgets the execution, and cancels all its steps
            Door.sink.put(entry)

    async def keep_steps(self) -> None:
        """Have what was noted kept, by a local activity: the next run does not tell it again."""
        await locally(FLUSH_TIMELINE, TimelineFlush(self.account_id, self.execution_id), None)

    def random_between(self, low: float, high: float) -> float:
        """Return a random number, the same on replay."""
        return workflow.random().uniform(low, high)

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
        """Run an activity; when its worker is lost, again, if doing it twice does no harm.

        :raises FaultError: when it failed.
        """
        place = "" if step is None else step.place
        try:
            return await workflow.execute_activity(
                name,
                argument,
                result_type=answer,
                activity_id=f"{place}#{number}",
                summary=None if step is None else step.name,
                start_to_close_timeout=timedelta(seconds=seconds),
                heartbeat_timeout=HEARTBEAT,
                retry_policy=_AGAIN if repeatable else _ONCE,
            )
        except ActivityError as error:
            raise _understood(error) from None

    async def run(self, start: ExecutionStart, *, waits: bool) -> ChildOutcome | None:
        """Start an execution as a child workflow; one that is waited for ends when this one does."""
        ordered = start.ordered
        handle = await start_below(
            EXECUTION,
            start,
            workflow_id=str(ExecutionWorkflowId(UUID(start.execution_id))),
            account_id=self.account_id,
            definition_id=ordered.definition_id if ordered is not None else "",
            lasts=workflow.info().execution_timeout,
            answer=ChildOutcome,
            left_behind=REQUEST_CANCEL if waits else ABANDON,
        )
        if not waits:
            return None
        try:
            told: ChildOutcome = await handle
        except ChildWorkflowError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from None
            return _told(error.cause)
        return told


def _told(cause: BaseException | None) -> ChildOutcome | None:
    """Return the error an execution ended with; nothing when it was ended from outside."""
    ended = isinstance(cause, ApplicationError) and len(cause.details) == 1
    return ChildOutcome(error=cause.details[0]) if ended else None  # type: ignore[union-attr]


def _understood(error: ActivityError) -> BaseException:
    """Return what an activity's failure means for the step that asked."""
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
