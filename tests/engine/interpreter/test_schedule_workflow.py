"""A schedule whose execution the relay has started meanwhile: it waits for its end all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from engine.contracts.executions import EXECUTION, EXECUTION_ENDED, ExecutionStart
from engine.contracts.schedules import (
    FIRE_SCHEDULE,
    OPEN_SCHEDULE,
    SCHEDULE,
    TriggerDocument,
    TriggerExecution,
    TriggerFiring,
    TriggerStart,
)
from engine.temporal_workflows import schedule
from engine.temporal_workflows.schedule import ScheduleWorkflow
from tests.support.interpreter.executions import HEADER

pytestmark = pytest.mark.stack


DOCUMENT = {
    "document": HEADER,
    "schedule": {"after": {"seconds": 1}},
    "do": [{"one": {"set": {"n": 1}}}],
}


@workflow.defn(name=EXECUTION)
class Elsewhere:
    """An execution that somebody else has started; it never ends."""

    @workflow.run
    async def run(self, _start: ExecutionStart) -> None:
        """Wait for ever."""
        await workflow.wait_condition(lambda: False)


class Relay:
    """Activities of a schedule that start its first execution before its workflow can."""

    def __init__(self, temporal: Client, queue: str) -> None:
        self._temporal, self._queue = temporal, queue
        self.made: list[str] = []
        self.looks: list[str] = []

    @activity.defn(name=OPEN_SCHEDULE)
    async def open(self, _start: TriggerStart) -> TriggerDocument | None:
        return TriggerDocument(DOCUMENT)

    @activity.defn(name=FIRE_SCHEDULE)
    async def fire(self, firing: TriggerFiring) -> TriggerExecution | None:
        if self.made:
            return None
        self.made.append(firing.execution_id)
        await self._temporal.start_workflow(
            EXECUTION,
            ExecutionStart(firing.execution_id, firing.account_id),
            id=f"execution:{firing.execution_id}",
            task_queue=self._queue,
            execution_timeout=timedelta(seconds=60),
        )
        return TriggerExecution(60)

    @activity.defn(name=EXECUTION_ENDED)
    async def ended(self, execution_id: str) -> bool:
        self.looks.append(execution_id)
        return len(self.looks) > 1


class FullAccount(Relay):
    """Activities of a schedule whose account has no room at first, and deletes it then."""

    @activity.defn(name=FIRE_SCHEDULE)
    async def fire(self, firing: TriggerFiring) -> TriggerExecution | None:
        self.made.append(firing.execution_id)
        return TriggerExecution(0, is_refused=True) if len(self.made) == 1 else None


async def test_a_trigger_waits_for_room_and_asks_again_for_the_same_execution(
    temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "REFUSED_PAUSE_SECONDS", 0.1)
    queue = f"scheduling-{uuid7()}"
    account = FullAccount(temporal, queue)
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[ScheduleWorkflow],
        activities=[account.open, account.fire],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        await temporal.execute_workflow(
            SCHEDULE,
            TriggerStart(str(uuid7()), str(uuid7()), "after"),
            id=f"schedule:{uuid7()}",
            task_queue=queue,
            execution_timeout=timedelta(seconds=60),
        )
    first, second = account.made
    assert first == second


async def test_what_the_relay_has_started_is_waited_for_before_the_next(temporal: Client) -> None:
    queue, account_id = f"scheduling-{uuid7()}", str(uuid7())
    relay = Relay(temporal, queue)
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[ScheduleWorkflow, Elsewhere],
        activities=[relay.open, relay.fire, relay.ended],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        await temporal.execute_workflow(
            SCHEDULE,
            TriggerStart(str(uuid7()), account_id, "after"),
            id=f"schedule:{uuid7()}",
            task_queue=queue,
            execution_timeout=timedelta(seconds=60),
        )
        assert relay.looks == relay.made * 2
        handle = temporal.get_workflow_handle(f"execution:{relay.made[0]}")
        await handle.terminate()
