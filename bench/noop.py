"""The baseline's worker: a workflow that does nothing, on the SDK as it comes but for the sandbox."""

from __future__ import annotations

import asyncio
import os

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

TASK_QUEUE = "noop"


@workflow.defn(name="noop")
class NoopWorkflow:
    """Ends as soon as it begins."""

    @workflow.run
    async def run(self) -> None:
        """Do nothing."""


async def main() -> None:
    """Run until the parent ends this process."""
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    await Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[NoopWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),  # as ours: the sandbox costs 12 ms of CPU a workflow
    ).run()


if __name__ == "__main__":
    asyncio.run(main())
