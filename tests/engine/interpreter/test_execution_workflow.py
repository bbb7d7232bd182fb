from __future__ import annotations

import asyncio
from datetime import timedelta
from threading import Event

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from engine.contracts.definitions import CHECK_DEFINITION, DEFINITION_CHECK, DefinitionCheck
from engine.contracts.executions import (
    EXECUTION,
    OPEN_EXECUTION,
    UNDONE,
    ExecutionStart,
    OpenedExecution,
)
from engine.expressions.sandbox import pool
from engine.expressions.sandbox.fair_queue import BusyError, FairQueue, Waiter
from engine.temporal_workflows.execution import DefinitionCheckWorkflow, ExecutionWorkflow
from tests.support.interpreter.executions import CompletedExecution, Execute

pytestmark = pytest.mark.stack


@activity.defn(name=OPEN_EXECUTION)
async def refuse(start: ExecutionStart) -> OpenedExecution:
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
                EXECUTION,
                ExecutionStart("e", "a"),
                id=str(uuid7()),
                task_queue=queue,
                execution_timeout=timedelta(seconds=30),
            )
    failure = failed.value.cause
    assert isinstance(failure, ApplicationError)
    assert (failure.type, list(failure.details)) == (UNDONE, [])
    assert OPEN_EXECUTION in failure.message


async def test_a_check_is_one_local_activity(temporal: Client) -> None:
    checked: list[DefinitionCheck] = []

    @activity.defn(name=CHECK_DEFINITION)
    async def check(asked: DefinitionCheck) -> None:
        checked.append(asked)

    queue = f"checking-{uuid7()}"
    asked = DefinitionCheck("d", "a")
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[DefinitionCheckWorkflow],
        activities=[check],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await temporal.execute_workflow(DEFINITION_CHECK, asked, id=str(uuid7()), task_queue=queue)
    assert checked == [asked]


async def test_the_reply_of_a_completed_execution_is_its_result(execute: Execute) -> None:
    execution = await execute([{"s": {"set": {"a": 1}}}], {}, reply_key={"kty": "OKP"})
    assert await execution.handle.result() == "a.sealed.reply"


async def test_a_document_that_cannot_run_settles_as_a_configuration_error(
    execute: Execute,
) -> None:
    execution = await execute([{"s": {"listen": {}}}], {}, checked=False)
    assert (execution.error["type"].rpartition("/")[2], execution.error["status"]) == (
        "configuration",
        400,
    )
    assert execution.error["detail"] == "/do/0/s/listen: to is missing"


async def test_neighbours_are_served_while_bombs_go_off(execute: Execute) -> None:
    bomb = [{"bomb": {"set": {"a": "${ [range(infinite)] }"}}}]
    fine = [{"fine": {"set": {"a": "${ .n | . + 1 }"}}}]
    served = asyncio.Event()

    async def bombard() -> list[CompletedExecution]:
        ended = [await execute(bomb, {})]
        while not served.is_set():
            ended.append(await execute(bomb, {}))
        return ended

    bombing = [asyncio.create_task(bombard()) for _ in range(4)]
    neighbours = await asyncio.gather(*(execute(fine, {"n": n}) for n in range(8)))
    assert [execution.output["a"] for execution in neighbours] == list(range(1, 9))
    served.set()
    ended = [execution for bombs in await asyncio.gather(*bombing) for execution in bombs]
    assert all("time or memory" in execution.error["detail"] for execution in ended)


async def test_an_execution_waits_for_a_machine_that_is_busy_and_ends_as_if_alone(
    execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, asked = [1, 2], pool.Pool.evaluate

    def evaluate(self: pool.Pool, source: str, data: object) -> pool.ProgramOutput:
        if busy:
            busy.pop()
            raise BusyError("no child was free in time")
        return asked(self, source, data)

    monkeypatch.setattr(pool.Pool, "evaluate", evaluate)
    caught = {
        "try": [{"add": {"set": {"a": "${ .n|.+1 }"}}}],
        "catch": {"do": [{"c": {"set": {"a": 0}}}]},
    }
    execution = await execute([{"guard": caught}], {"n": 1})
    assert (execution.output, busy) == ({"a": 2}, [])


DEADLOCK_SECONDS = 2  # after which the SDK breaks a workflow task off


async def test_a_task_that_waits_for_many_programs_fails_before_it_is_taken_for_stuck(
    execute: Execute, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken = FairQueue.take

    def slowly(self: FairQueue[object], waiter: Waiter[object], seconds: float) -> object:
        Event().wait(0.15)  # a crowded machine
        return taken(self, waiter, seconds)

    monkeypatch.setattr(FairQueue, "take", slowly)
    steps = [{f"s{number}": {"set": {"n": "${ .n|.+1 }"}}} for number in range(20)]
    execution = await execute(steps, {"n": 0})
    assert execution.output == {"n": 20}
    assert any(
        "waited too long for sandbox processes" in str(record.exc_info) for record in caplog.records
    )
    assert pool.WAIT_SECONDS_MAX < DEADLOCK_SECONDS
