"""A worker of the interpreter in this process: executions open from memory and settle into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bin.devtools.conformance.call_activities import calls
from bin.devtools.conformance.in_memory_events import Broker, Memory
from bin.devtools.stack.servers import Stack
from engine.activities.step_quota import StepQuota
from engine.contracts.executions import EXECUTION, ExecutionStart
from engine.contracts.payload_converter import ReplyPayloadConverter
from engine.egress.guard import Egress
from engine.interpreter import documents, retry_from_failure
from engine.temporal.heartbeat_interceptor import Heartbeats
from engine.temporal_workflows.execution import DefinitionCheckWorkflow, ExecutionWorkflow
from engine.temporal_workflows.firing import FiringWorkflow
from engine.temporal_workflows.schedule import ScheduleWorkflow
from tests.support.interpreter.echo import echo
from tests.support.interpreter.executions import (
    EXECUTION_TIMEOUT,
    HEADER,
    CompletedExecution,
    Execute,
    trail_of,
)


@pytest.fixture(scope="session")
async def temporal(stack: Stack) -> Client:
    converter = replace(DataConverter.default, payload_converter_class=ReplyPayloadConverter)
    return await Client.connect(
        stack.temporal_address, namespace=stack.temporal_namespace, data_converter=converter
    )


@pytest.fixture(scope="session")
def memory() -> Memory:
    return Memory()


@pytest.fixture(scope="session")
def broker(temporal: Client, memory: Memory) -> Broker:
    return Broker(temporal, memory.openings)


@pytest.fixture(scope="session")
async def service() -> AsyncIterator[int]:
    """The port of a service that calls may reach."""
    async with echo() as port:
        yield port


@pytest.fixture(scope="session")
async def queue(
    temporal: Client, memory: Memory, broker: Broker, service: int, stack: Stack
) -> AsyncIterator[str]:
    """The task queue of a worker that runs during the whole session."""
    name = f"interpreter-{uuid7()}"
    guard = Egress(allow=f"127.0.0.1:{service}")
    threads = ThreadPoolExecutor(2)
    async with Worker(
        temporal,
        task_queue=name,
        workflows=[ExecutionWorkflow, DefinitionCheckWorkflow, ScheduleWorkflow, FiringWorkflow],
        activities=[
            memory.open,
            memory.settle,
            memory.find,
            memory.keep_steps,
            *calls(guard),
            *broker.activities(),
            StepQuota(stack.redis_url).take,
        ],
        activity_executor=threads,
        interceptors=[Heartbeats()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        # A task may take its time: where the SDK breaks one off after two seconds, on a crowded
        # machine, its worker may wait for it for ever.
        debug_mode=True,
    ):
        yield name
    threads.shutdown()


@pytest.fixture
def execute(temporal: Client, memory: Memory, broker: Broker, queue: str) -> Execute:
    """Return a function that executes tasks on an input, each time in an account of its own."""

    async def run(
        steps: list[dict[str, Any]],
        data: Any = None,
        *,
        reply_key: Any = None,
        checked: bool = True,
        rests_every: int = 0,
        secrets: Mapping[str, Any] | None = None,
        left: str | None = None,
        **top: Any,
    ) -> CompletedExecution:
        document = {"document": HEADER, "do": steps, **top}
        assert not checked or documents.check(document) == []
        execution_id = str(uuid7())
        broker.open(
            execution_id,
            execution_id,
            document,
            data,
            rests_every=rests_every,
            secrets=secrets,
        )
        if left is not None:
            retaken = replace(
                memory.openings[execution_id],
                left=retry_from_failure.match_document(left, document),
            )
            memory.openings[execution_id] = retaken
        handle = await temporal.start_workflow(
            EXECUTION,
            ExecutionStart(execution_id, execution_id, reply_key),
            id=f"execution:{execution_id}",
            task_queue=queue,
            execution_timeout=EXECUTION_TIMEOUT,
        )
        failure: BaseException | None = None
        try:
            await handle.result()
        except WorkflowFailureError as error:
            failure = error.cause
            assert isinstance(failure, ApplicationError), failure
        return CompletedExecution(
            memory.settlements[execution_id], handle, failure, await trail_of(handle)
        )

    return run
