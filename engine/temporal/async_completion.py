"""Asynchronous completion: an activity answers before it ends, so that it may act on that."""

from __future__ import annotations

from typing import Any

from temporalio import activity
from temporalio.converter import ActivitySerializationContext


async def answer(value: Any) -> None:
    """Complete the running activity with a value, which is in the workflow's history afterwards.

    :raises RPCError: when the workflow no longer waits for it, or the server cannot be reached.
    """
    info, client = activity.info(), activity.client()
    handle = client.get_async_activity_handle(
        workflow_id=info.workflow_id or "",
        run_id=info.workflow_run_id,
        activity_id=info.activity_id,
    )
    bound = ActivitySerializationContext(
        namespace=client.namespace,
        activity_id=info.activity_id,
        activity_type=info.activity_type,
        activity_task_queue=info.task_queue,
        workflow_id=info.workflow_id,
        workflow_type=info.workflow_type,
        is_local=False,
    )
    await handle.with_context(bound).complete(value)
