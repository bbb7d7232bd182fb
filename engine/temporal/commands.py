"""Commands to Temporal: start, cancel, terminate, pause and delete workflows.

Each is idempotent. Web and the relay use the same ones, under the same workflow ids.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from engine.contracts import summaries
from engine.contracts.definitions import DEFINITION_CHECK, DefinitionCheck
from engine.contracts.executions import EXECUTION, OUTCOME_READING, ExecutionStart, OutcomeReading
from engine.contracts.pause import PAUSE_SIGNAL, PauseSignal
from engine.contracts.payload_converter import TYPED_JSON
from engine.contracts.preview import Drawing, Validation
from engine.contracts.task_queue import READING_QUEUE, TASK_QUEUE
from engine.contracts.workflow_ids import (
    CheckWorkflowId,
    ExecutionWorkflowId,
    ReadingWorkflowId,
    VersionReference,
)
from engine.errors import TooLargeError
from engine.temporal import search_attributes

TASK_TIMEOUT = timedelta(seconds=5)  # a worker killed in the middle of a task costs this much
CHECK_TIMEOUT = timedelta(hours=1)
READING_TIMEOUT = timedelta(seconds=30)
Reading = OutcomeReading | Validation | Drawing
ARGUMENT_BYTES_MAX = 2 * 1_048_576 - 4_096  # less than the 2 MiB of Temporal's limit.blobSize.error
# Failures of the server that pass; any other refusal would meet each repetition too.
SERVER_FAILURES = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.UNKNOWN,
    RPCStatusCode.INTERNAL,
}


def check_size(argument: Reading) -> None:
    """Refuse an argument that Temporal would refuse.

    :raises TooLargeError: `request_too_large`.
    """
    payload = TYPED_JSON.to_payload(argument)
    size = 0 if payload is None else len(payload.data)
    if size > ARGUMENT_BYTES_MAX:
        detail = f"The request has {size} bytes once it is encrypted, of {ARGUMENT_BYTES_MAX}."
        raise TooLargeError("request_too_large", detail)


async def start_execution(
    client: Client, start: ExecutionStart, *, definition_id: UUID, seconds_max: int
) -> WorkflowHandle[Any, Any]:
    """Start the workflow of an execution, or return the one that was started before.

    :raises RPCError: when the server refuses.
    """
    return await _start(
        client,
        EXECUTION,
        start,
        workflow_id=str(ExecutionWorkflowId(UUID(start.execution_id))),
        definition_id=str(definition_id),
        lasts=timedelta(seconds=seconds_max),
    )


async def start_check(client: Client, check: DefinitionCheck) -> WorkflowHandle[Any, Any]:
    """Start the check of a definition's version, or return the one that was started before.

    :raises RPCError: when the server refuses.
    """
    reference = VersionReference(UUID(check.definition_id), check.version)
    return await _start(
        client,
        DEFINITION_CHECK,
        check,
        workflow_id=str(CheckWorkflowId(reference)),
        definition_id=check.definition_id,
        lasts=CHECK_TIMEOUT,
    )


async def start_reading(
    client: Client, reading: Reading, *, reading_id: UUID, kind: str = OUTCOME_READING
) -> WorkflowHandle[Any, Any]:
    """Start a workflow that reads an outcome or previews a definition for a waiting client.

    :raises RPCError: when the server refuses.
    """
    return await client.start_workflow(
        kind,
        reading,
        id=str(ReadingWorkflowId(reading_id)),
        task_queue=READING_QUEUE,
        execution_timeout=READING_TIMEOUT,
        priority=Priority(fairness_key=reading.account_id),
        search_attributes=search_attributes.of_account(reading.account_id),
    )


async def cancel_execution(client: Client, execution_id: UUID) -> bool:
    """Cancel the workflow of an execution; tell whether there is or was one.

    :raises RPCError: when the server refuses.
    """
    handle = client.get_workflow_handle(str(ExecutionWorkflowId(execution_id)))
    try:
        await handle.cancel()
    except RPCError as error:
        return await _exists_after(handle, error)
    return True


async def terminate_execution(client: Client, execution_id: UUID) -> bool:
    """Terminate the workflow of an execution; tell whether there is or was one.

    :raises RPCError: when the server refuses.
    """
    handle = client.get_workflow_handle(str(ExecutionWorkflowId(execution_id)))
    try:
        await handle.terminate("asked for by the account")
    except RPCError as error:
        return await _exists_after(handle, error)
    return True


async def pause_execution(client: Client, execution_id: UUID, pause: PauseSignal) -> bool:
    """Signal an execution's workflow to pause or to resume; tell whether there is or was one.

    :raises RPCError: when the server refuses.
    """
    handle = client.get_workflow_handle(str(ExecutionWorkflowId(execution_id)))
    try:
        await handle.signal(PAUSE_SIGNAL, pause)
    except RPCError as error:
        return await _exists_after(handle, error)
    return True


async def terminate_workflow(client: Client, workflow_id: str, *, reason: str) -> None:
    """Terminate a workflow if it runs.

    :raises RPCError: when the server refuses.
    """
    try:
        await client.get_workflow_handle(workflow_id).terminate(reason)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise


async def delete_execution(client: Client, execution_id: UUID) -> bool:
    """Delete the workflow of an execution with all its runs.

    :raises RPCError: when the server refuses.
    """
    await delete_workflows(client, f"WorkflowId = '{ExecutionWorkflowId(execution_id)}'")
    return True


async def delete_workflows(client: Client, query: str) -> int:
    """Delete the workflows that a visibility query finds; return how many runs there were.

    :raises RPCError: when the server refuses.
    """
    count = 0
    async for run in client.list_workflows(query):
        execution = WorkflowExecution(workflow_id=run.id, run_id=run.run_id)
        request = DeleteWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=execution
        )
        await client.workflow_service.delete_workflow_execution(request)
        count += 1
    return count


async def _start(
    client: Client,
    kind: str,
    argument: ExecutionStart | DefinitionCheck,
    *,
    workflow_id: str,
    definition_id: str,
    lasts: timedelta,
) -> WorkflowHandle[Any, Any]:
    account_id = argument.account_id
    try:
        return await client.start_workflow(
            kind,
            argument,
            id=workflow_id,
            task_queue=READING_QUEUE if kind == DEFINITION_CHECK else TASK_QUEUE,
            execution_timeout=lasts,
            task_timeout=TASK_TIMEOUT,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            priority=Priority(fairness_key=account_id),
            search_attributes=search_attributes.of_definition(account_id, definition_id),
            # Web has no key to seal these texts with: they hold ids, and nothing of the user's.
            static_summary=summaries.summary(kind, definition_id),
            static_details=summaries.details(workflow_id, account_id, definition_id),
        )
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle(workflow_id)


async def _exists_after(handle: WorkflowHandle[Any, Any], error: RPCError) -> bool:
    """Tell whether a workflow that a command did not find has run and closed.

    :raises RPCError: the error itself, unless it says that no such workflow runs.
    """
    if error.status != RPCStatusCode.NOT_FOUND:
        raise error
    try:
        await handle.describe()
    except RPCError as fault:
        if fault.status != RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True
