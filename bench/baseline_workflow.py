"""The baselines of executions: workflows that do nothing on the bare SDK, and their worker."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

TASK_QUEUE = "noop"


@workflow.defn(name="noop")
class NoopWorkflow:
    """Workflow that ends at once."""

    @workflow.run
    async def run(self) -> None:
        """Do nothing."""


@activity.defn(name="nothing")
def nothing() -> None:
    """Do nothing."""


@workflow.defn(name="pair")
class PairWorkflow:
    """Workflow that runs two empty local activities: an execution has two around its steps."""

    @workflow.run
    async def run(self) -> None:
        """Wait for one after the other."""
        for _ in range(2):
            await workflow.execute_local_activity(
                nothing, start_to_close_timeout=timedelta(seconds=10)
            )


async def main() -> None:
    """Run until the parent ends this process."""
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    await Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[NoopWorkflow],
        # As in our worker: the sandbox costs 12 ms of processor time a workflow.
        workflow_runner=UnsandboxedWorkflowRunner(),
    ).run()


if __name__ == "__main__":
    asyncio.run(main())
