from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from engine.interpreter import contracts
from engine.interpreter.workflow import DefinitionCheckWorkflow, ExecutionWorkflow
from tests.engine.interpreter.conftest import Execute


@activity.defn(name=contracts.OPEN_EXECUTION)
async def refuse(start: contracts.ExecutionStart) -> contracts.Opened:
    raise ApplicationError(f"{start.execution_id} cannot be opened", non_retryable=True)


async def test_an_execution_that_is_not_opened_fails_by_the_name_of_what_was_not_done(
    temporal: Client,
) -> None:
    queue = f"refusing-{uuid7()}"
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[ExecutionWorkflow],
        activities=[refuse],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        with pytest.raises(WorkflowFailureError) as failed:
            await temporal.execute_workflow(
                contracts.EXECUTION,
                contracts.ExecutionStart("e", "a"),
                id=str(uuid7()),
                task_queue=queue,
                execution_timeout=timedelta(seconds=30),
            )
    failure = failed.value.cause
    assert isinstance(failure, ApplicationError)
    assert (failure.type, list(failure.details)) == (contracts.UNDONE, [])
    assert contracts.OPEN_EXECUTION in failure.message


async def test_a_check_is_one_local_activity(temporal: Client) -> None:
    checked: list[contracts.DefinitionCheck] = []

    @activity.defn(name=contracts.CHECK_DEFINITION)
    async def check(asked: contracts.DefinitionCheck) -> None:
        checked.append(asked)

    queue = f"checking-{uuid7()}"
    asked = contracts.DefinitionCheck("d", "a")
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[DefinitionCheckWorkflow],
        activities=[check],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await temporal.execute_workflow(contracts.DEFINITION_CHECK, asked, id=str(uuid7()), task_queue=queue)
    assert checked == [asked]


async def test_the_reply_of_a_completed_execution_is_its_result(execute: Execute) -> None:
    ran = await execute([{"s": {"set": {"a": 1}}}], {}, reply_key={"kty": "OKP"})
    assert await ran.handle.result() == "a.sealed.reply"


async def test_a_document_that_cannot_run_settles_as_a_configuration_error(execute: Execute) -> None:
    ran = await execute([{"s": {"listen": {}}}], {}, checked=False)
    assert (ran.error["type"].rpartition("/")[2], ran.error["status"]) == ("configuration", 400)
    assert ran.error["detail"] == "/do/0/s/listen: to is missing"


async def test_neighbours_are_served_while_bombs_go_off(execute: Execute) -> None:
    bomb = [{"bomb": {"set": {"a": "${ [range(infinite)] }"}}}]
    fine = [{"fine": {"set": {"a": "${ .n + 1 }"}}}]
    bombs = asyncio.gather(*(execute(bomb, {}) for _ in range(4)))
    begun = time.monotonic()
    neighbours = await asyncio.gather(*(execute(fine, {"n": n}) for n in range(8)))
    assert [ran.output["a"] for ran in neighbours] == list(range(1, 9))
    assert time.monotonic() - begun < 10
    assert all("time or memory" in ran.error["detail"] for ran in await bombs)
