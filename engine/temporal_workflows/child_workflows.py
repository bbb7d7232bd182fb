"""Child workflows: schedules, and the executions of schedules and of `run: workflow`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

from engine.contracts import summaries
from engine.contracts.executions import EXECUTION, ExecutionStart
from engine.contracts.workflow_ids import ExecutionWorkflowId

TASK_TIMEOUT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class ChildWorkflow:
    """Child workflow to start: its type, argument and id, its account and its definition.

    Without a task queue it runs on the queue of its parent.
    """

    type: str
    argument: Any
    id: str
    account_id: str
    definition_id: str
    task_queue: str | None = None


def execution_workflow(start: ExecutionStart, definition_id: str) -> ChildWorkflow:
    """Return the child workflow of an execution."""
    workflow_id = str(ExecutionWorkflowId(UUID(start.execution_id)))
    return ChildWorkflow(EXECUTION, start, workflow_id, start.account_id, definition_id)


async def start_child_workflow(
    child: ChildWorkflow,
    *,
    execution_timeout: timedelta | None,
    result_type: type | None = None,
    parent_close_policy: ParentClosePolicy = ParentClosePolicy.ABANDON,
) -> workflow.ChildWorkflowHandle[Any, Any]:
    """Start a child workflow. Its id is used once for ever.

    :raises WorkflowAlreadyStartedError: when a workflow of this id exists or existed.
    """
    is_awaited = parent_close_policy == ParentClosePolicy.REQUEST_CANCEL
    account, definition = (
        SearchAttributeKey.for_keyword(name) for name in ("account", "definition")
    )
    handle = await workflow.start_child_workflow(
        child.type,
        child.argument,
        id=child.id,
        task_queue=child.task_queue,
        result_type=result_type,
        execution_timeout=execution_timeout,
        task_timeout=TASK_TIMEOUT,
        cancellation_type=ChildWorkflowCancellationType.TRY_CANCEL
        if is_awaited
        else ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        parent_close_policy=parent_close_policy,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        priority=Priority(fairness_key=child.account_id),
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(account, child.account_id),
                SearchAttributePair(definition, child.definition_id),
            ]
        ),
        static_summary=summaries.summary(child.type, child.definition_id),
        static_details=summaries.details(child.id, child.account_id, child.definition_id),
    )
    handle.add_done_callback(_retrieve_exception)
    return handle


def _retrieve_exception(handle: Any) -> None:
    """Retrieve the exception of a child: asyncio logs an error for one that nobody retrieves."""
    if not handle.cancelled():
        handle.exception()
