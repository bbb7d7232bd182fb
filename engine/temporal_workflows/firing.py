"""The Temporal workflow of one time at which a schedule is due."""

from __future__ import annotations

import contextlib
from datetime import UTC, timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from engine.contracts import executions, schedules
from engine.temporal_workflows.child_workflows import start_below
from engine.temporal_workflows.local_activities import run_local_activity

DUE_AT = SearchAttributeKey.for_datetime(
    "TemporalScheduledStartTime"
)  # Temporal's own, in whole seconds


@workflow.defn(name=schedules.FIRING)
class FiringWorkflow:
    """Makes the execution of its time and waits for its end, for Temporal looks at this one for overlaps.

    When it is cancelled or terminated, the execution is.
    """

    @workflow.run
    async def run(self, start: schedules.FiringStart) -> None:
        """Return once the execution has ended, however."""
        began = workflow.info().start_time
        due_at = workflow.info().typed_search_attributes.get(DUE_AT) or began
        due = schedules.Due(
            start.schedule_id,
            start.account_id,
            due_at.astimezone(UTC).isoformat(),
            (workflow.now() - began).total_seconds(),
        )
        made: schedules.Made | None = await run_local_activity(
            schedules.FIRE_DUE, due, schedules.Made
        )
        if made is None:
            return
        with contextlib.suppress(FailureError, WorkflowAlreadyStartedError):
            await (await _execution(start, made))


async def _execution(
    start: schedules.FiringStart, made: schedules.Made
) -> workflow.ChildWorkflowHandle[object, object]:
    return await start_below(
        executions.EXECUTION,
        executions.ExecutionStart(made.execution_id, start.account_id),
        workflow_id=executions.execution_workflow_id(made.execution_id),
        account_id=start.account_id,
        definition_id=made.definition_id,
        lasts=timedelta(seconds=made.seconds_max),
        left_behind=ParentClosePolicy.TERMINATE,
    )
