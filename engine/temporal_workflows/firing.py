"""Temporal workflow of one firing of a schedule: a time at which the schedule is due."""

from __future__ import annotations

import contextlib
from datetime import UTC, timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from engine.contracts.executions import ExecutionStart
from engine.contracts.schedules import FIRE_DUE, FIRING, DueExecution, DueFiring, FiringStart
from engine.temporal_workflows.child_workflows import execution_workflow, start_child_workflow
from engine.temporal_workflows.local_activities import run_local_activity

# Temporal's own search attribute, in whole seconds.
DUE_AT = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


@workflow.defn(name=FIRING)
class FiringWorkflow:
    """Firing that creates an execution and waits for its end.

    Temporal's overlap policy looks at this workflow, so it lasts as long as its execution. Its
    cancellation or termination is that of the execution too.
    """

    @workflow.run
    async def run(self, start: FiringStart) -> None:
        """Return when the execution has ended, with any outcome."""
        start_time = workflow.info().start_time
        due_at = workflow.info().typed_search_attributes.get(DUE_AT) or start_time
        due = DueFiring(
            start.schedule_id,
            start.account_id,
            due_at.astimezone(UTC).isoformat(),
            (workflow.now() - start_time).total_seconds(),
            authentic=start.authentic,
        )
        creation: DueExecution | None = await run_local_activity(FIRE_DUE, due, DueExecution)
        if creation is None:
            return
        with contextlib.suppress(FailureError, WorkflowAlreadyStartedError):
            await (await _start_execution(start, creation))


async def _start_execution(
    start: FiringStart, creation: DueExecution
) -> workflow.ChildWorkflowHandle[object, object]:
    return await start_child_workflow(
        execution_workflow(
            ExecutionStart(creation.execution_id, start.account_id),
            creation.definition_id,
        ),
        execution_timeout=timedelta(seconds=creation.seconds_max),
        parent_close_policy=ParentClosePolicy.TERMINATE,
    )
