"""The Temporal workflow of one time at which a schedule is due."""

from __future__ import annotations

import contextlib
from datetime import UTC, timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from engine.contracts.executions import EXECUTION, ExecutionStart
from engine.contracts.schedules import FIRE_DUE, FIRING, DueExecution, DueFiring, FiringStart
from engine.contracts.workflow_ids import ExecutionWorkflowId
from engine.temporal_workflows.child_workflows import start_below
from engine.temporal_workflows.local_activities import locally

DUE_AT = SearchAttributeKey.for_datetime(
    "TemporalScheduledStartTime"
)  # Temporal's own, in whole seconds


@workflow.defn(name=FIRING)
class FiringWorkflow:
    """Makes the execution of its time and waits for its end, for Temporal looks at this one for overlaps.

    When it is cancelled or terminated, the execution is.
    """

    @workflow.run
    async def run(self, start: FiringStart) -> None:
        """Return once the execution has ended, however."""
        began = workflow.info().start_time
        due_at = workflow.info().typed_search_attributes.get(DUE_AT) or began
        due = DueFiring(
            start.schedule_id,
            start.account_id,
            due_at.astimezone(UTC).isoformat(),
            (workflow.now() - began).total_seconds(),
        )
        made: DueExecution | None = await locally(FIRE_DUE, due, DueExecution)
        if made is None:
            return
        with contextlib.suppress(FailureError, WorkflowAlreadyStartedError):
            await (await _execution(start, made))


async def _execution(
    start: FiringStart, made: DueExecution
) -> workflow.ChildWorkflowHandle[object, object]:
    return await start_below(
        EXECUTION,
        ExecutionStart(made.execution_id, start.account_id),
        workflow_id=str(ExecutionWorkflowId(UUID(made.execution_id))),
        account_id=start.account_id,
        definition_id=made.definition_id,
        lasts=timedelta(seconds=made.seconds_max),
        left_behind=ParentClosePolicy.TERMINATE,
    )
