"""Open workflow tasks are seen while they are open, of a real worker on a real server."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.observability import metrics
from tests.support.waiting import until
from worker.temporal import task_watchdog
from worker.temporal.task_watchdog import WatchedWorkflowRunner

pytestmark = pytest.mark.stack


class Gate:
    """Local activity that ends when it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    @activity.defn(name="gate")
    async def wait(self) -> None:
        self.reached.set()
        await self.opened.wait()


@workflow.defn(name="gated")
class GatedWorkflow:
    """Workflow that waits at the gate, and then for a timer."""

    @workflow.run
    async def run(self) -> None:
        """Wait for both."""
        await workflow.execute_local_activity("gate", start_to_close_timeout=timedelta(seconds=60))
        await workflow.sleep(0.001)


def gauges() -> tuple[float, bool]:
    """Return how many workflow tasks are late, and whether any is open."""
    late, oldest = (
        sample.value
        for instrument in (metrics.TEMPORAL_TASKS_LATE, metrics.TEMPORAL_TASK_OLDEST_SECONDS)
        for family in instrument.collect()
        for sample in family.samples
    )
    return late, oldest > 0


async def test_a_task_that_waits_for_a_local_activity_is_open_until_that_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_watchdog, "LATE_SECONDS", 0.0)
    client = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
    runner, gate, queue = WatchedWorkflowRunner(), Gate(), f"watched-{uuid7()}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[GatedWorkflow],
        activities=[gate.wait],
        workflow_runner=runner,
        debug_mode=True,
    ):
        handle = await client.start_workflow("gated", id=f"gated-{uuid7()}", task_queue=queue)
        await gate.reached.wait()
        runner.look()
        assert gauges() == (1, True)
        gate.opened.set()
        await handle.result()
        runner.look()
        assert gauges() == (0, False)


async def test_a_task_of_a_run_that_the_worker_evicts_is_open_no_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_watchdog, "LATE_SECONDS", 0.0)
    client = await Client.connect(settings.temporal_address, namespace=settings.temporal_namespace)
    runner, gate, queue = WatchedWorkflowRunner(), Gate(), f"watched-{uuid7()}"

    def look() -> bool:
        runner.look()
        return gauges() == (0, False)

    async with Worker(
        client,
        task_queue=queue,
        workflows=[GatedWorkflow],
        activities=[gate.wait],
        workflow_runner=runner,
    ):
        handle = await client.start_workflow(
            "gated",
            id=f"gated-{uuid7()}",
            task_queue=queue,
            task_timeout=timedelta(seconds=1),  # the worker soon meets the termination
        )
        await gate.reached.wait()
        assert not look()
        await handle.terminate()
        await asyncio.to_thread(until, look)
        gate.opened.set()
