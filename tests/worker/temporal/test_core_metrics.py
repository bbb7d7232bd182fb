"""What Temporal's core counts, counted here, of a real worker on a real server."""

import pytest
from prometheus_client.metrics import MetricWrapperBase
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.observability import metrics
from worker.temporal.core_metrics import Core

pytestmark = pytest.mark.stack


@workflow.defn
class Napping:
    """A workflow of two tasks: the second finds it in the cache."""

    @workflow.run
    async def run(self) -> None:
        """Nap."""
        await workflow.sleep(0.001)


def counted(instrument: MetricWrapperBase, name: str, **labels: str) -> float:
    (family,) = instrument.collect()
    return sum(
        sample.value
        for sample in family.samples
        if sample.name.endswith(name) and labels.items() <= sample.labels.items()
    )


async def test_slots_waits_and_the_cache_of_a_worker_are_counted(settings: Settings) -> None:
    core, queue = Core(), f"counted-{uuid7()}"
    hits = counted(metrics.TEMPORAL_CACHE_LOOKUPS, "_total", result="hit")
    waits = counted(metrics.TEMPORAL_WAIT_SECONDS, "_count", kind="workflow")
    client = await Client.connect(
        settings.temporal_address, namespace=settings.temporal_namespace, runtime=core.runtime
    )
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Napping],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
        max_concurrent_workflow_tasks=7,
    ):
        for _ in range(3):
            await client.execute_workflow(Napping.run, id=f"naps-{uuid7()}", task_queue=queue)
        core.look()
    slots = [
        counted(metrics.TEMPORAL_SLOTS, "slots", queue=queue, kind="WorkflowWorker", state=state)
        for state in ("used", "available")
    ]
    assert sum(slots) == 7
    assert counted(metrics.TEMPORAL_CACHE_LOOKUPS, "_total", result="hit") == hits + 3
    assert counted(metrics.TEMPORAL_WAIT_SECONDS, "_count", kind="workflow") == waits + 6
