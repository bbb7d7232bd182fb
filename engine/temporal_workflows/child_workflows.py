"""Workflows that a workflow starts: schedules, and executions of schedules and of `run: workflow`."""

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


async def start_below(
    kind: str,
    argument: Any,
    *,
    workflow_id: str,
    account_id: str,
    definition_id: str,
    lasts: timedelta | None,
    answer: type | None = None,
    left_behind: ParentClosePolicy = ParentClosePolicy.ABANDON,
) -> workflow.ChildWorkflowHandle[Any, Any]:
    """Start a workflow; `left_behind` is what becomes of it when the one that starts it ends before it.

    Under one id there is never a second.

    :raises WorkflowAlreadyStartedError: when there is a first.
    """
    kinds, asked = ChildWorkflowCancellationType, ParentClosePolicy.REQUEST_CANCEL
    account, definition = (
        SearchAttributeKey.for_keyword(name) for name in ("account", "definition")
    )
    child = await workflow.start_child_workflow(
        kind,
        argument,
        id=workflow_id,
        result_type=answer,
        execution_timeout=lasts,
        task_timeout=TASK_TIMEOUT,
        cancellation_type=kinds.TRY_CANCEL
        if left_behind == asked
        else kinds.WAIT_CANCELLATION_COMPLETED,
        parent_close_policy=left_behind,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        priority=Priority(fairness_key=account_id),
        search_attributes=TypedSearchAttributes(
            [
                SearchAttributePair(account, account_id),
                SearchAttributePair(definition, definition_id),
            ]
        ),
        static_summary=summaries.summary(kind, definition_id),
        static_details=summaries.details(workflow_id, account_id, definition_id),
    )
    child.add_done_callback(_noted)
    return child


def _noted(child: Any) -> None:
    """Look at how it ended: nobody else may, and the loop would complain."""
    if not child.cancelled():
        child.exception()
