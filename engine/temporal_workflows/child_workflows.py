"""Child workflows: schedules, and the executions of schedules and of `run: workflow`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

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

TASK_TIMEOUT = timedelta(seconds=5)


async def start_child_workflow(
    workflow_type: str,
    argument: Any,
    *,
    workflow_id: str,
    account_id: str,
    definition_id: str,
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
    child = await workflow.start_child_workflow(
        workflow_type,
        argument,
        id=workflow_id,
        result_type=result_type,
        execution_timeout=execution_timeout,
        task_timeout=TASK_TIMEOUT,
        cancellation_type=ChildWorkflowCancellationType.TRY_CANCEL
        if is_awaited
        else ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        parent_close_policy=parent_close_policy,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        priority=Priority(fairness_key=account_id),
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(account, account_id),
                SearchAttributePair(definition, definition_id),
            ]
        ),
        static_summary=summaries.summary(workflow_type, definition_id),
        static_details=summaries.details(workflow_id, account_id, definition_id),
    )
    child.add_done_callback(_retrieve_exception)
    return child


def _retrieve_exception(child: Any) -> None:
    """Retrieve the exception of a child: asyncio logs an error for one that nobody retrieves."""
    if not child.cancelled():
        child.exception()
