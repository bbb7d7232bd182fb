from __future__ import annotations

import asyncio
from dataclasses import replace
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
    SETTLE_EXECUTION,
    UNDONE,
    ExecutionStart,
    OpenedExecution,
    Settlement,
)
from engine.expressions.sandbox import pool
from engine.expressions.sandbox.fair_queue import BusyError, FairQueue, Waiter
from engine.temporal_workflows.execution import DefinitionCheckWorkflow, ExecutionWorkflow
from tests.support.interpreter.executions import HEADER, CompletedExecution, Execute

pytestmark = pytest.mark.stack


class Engine:
    """Activities that open and settle executions, and fail as often as they shall."""

    def __init__(self, opening: OpenedExecution | None, *, failures: int = 0) -> None:
        self.settlements: list[Settlement] = []
        self._opening = opening
        self._failures = failures

    @activity.defn(name=OPEN_EXECUTION)
    async def open(self, _start: ExecutionStart) -> OpenedExecution:
        if self._opening is None:
            raise RecursionError
        return self._opening

    @activity.defn(name=SETTLE_EXECUTION)
    async def settle(self, settlement: Settlement) -> str | None:
        self.settlements.append(settlement)
        if len(self.settlements) <= self._failures:
            raise ValueError("Error computing shared key.")
        return "a.sealed.reply"


OPENED = OpenedExecution("d", 1, {"document": HEADER, "do": [{"s": {"set": {"a": 1}}}]}, None, "a")


async def failure_of(temporal: Client, engine: Engine) -> ApplicationError:
    queue = f"failing-{uuid7()}"
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[ExecutionWorkflow],
        activities=[engine.open, engine.settle],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        with pytest.raises(WorkflowFailureError) as failed:
            await temporal.execute_workflow(
                EXECUTION,
                ExecutionStart("e", "a", {"kty": "OKP"}),
                id=str(uuid7()),
                task_queue=queue,
                execution_timeout=timedelta(seconds=30),
            )
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


async def test_an_execution_that_is_not_opened_settles_as_failed_at_once(temporal: Client) -> None:
    engine = Engine(None)
    failure = await failure_of(temporal, engine)
    assert (failure.type, list(failure.details)) == ("runtime", ["a.sealed.reply"])
    (settlement,) = engine.settlements
    assert settlement.status == "failed"
    assert OPEN_EXECUTION in str((settlement.error or {})["detail"])


async def test_an_outcome_that_cannot_be_stored_is_replaced_by_a_failure(temporal: Client) -> None:
    engine = Engine(OPENED, failures=1)
    failure = await failure_of(temporal, engine)
    assert (failure.type, list(failure.details)) == ("runtime", ["a.sealed.reply"])
    completed, failed = engine.settlements
    assert (completed.status, completed.result, completed.error) == ("completed", {"a": 1}, None)
    assert (failed.status, failed.result, failed.left) == ("failed", None, None)
    assert str((failed.error or {})["detail"]) == "the engine could not store the outcome"


async def test_an_execution_that_cannot_be_settled_fails_by_the_name_of_what_was_not_done(
    temporal: Client,
) -> None:
    engine = Engine(OPENED, failures=2)
    failure = await failure_of(temporal, engine)
    assert (failure.type, list(failure.details)) == (UNDONE, [])
    assert SETTLE_EXECUTION in failure.message
    assert len(engine.settlements) == 2


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_check_is_one_local_activity_and_one_more_if_the_engine_fails(
    temporal: Client, failures: int
) -> None:
    checks: list[DefinitionCheck] = []

    @activity.defn(name=CHECK_DEFINITION)
    async def check(order: DefinitionCheck) -> None:
        checks.append(order)
        if len(checks) <= failures:
            raise RecursionError

    queue = f"checking-{uuid7()}"
    order = DefinitionCheck("d", "a")
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[DefinitionCheckWorkflow],
        activities=[check],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        await temporal.execute_workflow(DEFINITION_CHECK, order, id=str(uuid7()), task_queue=queue)
    assert checks == [order, replace(order, is_defective=True)][: 1 + failures]


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
