"""The Temporal worker of another day: its interpreter takes another way, from the first step on."""

from __future__ import annotations

import uvloop
from temporalio import workflow
from temporalio.common import RawValue

from engine.contracts.child_executions import ChildOutcome
from engine.contracts.executions import EXECUTION, ExecutionStart
from engine.temporal_workflows.execution import ExecutionWorkflow
from worker.temporal import main as process


@workflow.defn(name=EXECUTION)
class ChangedWorkflow(ExecutionWorkflow):
    """An execution that waits a moment before it walks: histories of today do not replay on it."""

    @workflow.run
    async def run(self, start: ExecutionStart) -> RawValue | ChildOutcome | None:
        """Wait, and go on as ever."""
        await workflow.sleep(0.01)
        return await super().run(start)


if __name__ == "__main__":
    vars(process)["ExecutionWorkflow"] = ChangedWorkflow
    uvloop.run(process.main())
