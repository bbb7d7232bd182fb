"""A Temporal worker with a changed interpreter, whose commands differ from the first step on."""

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
    """Execution that waits first, so that no history of the current interpreter replays on it."""

    @workflow.run
    async def run(self, start: ExecutionStart) -> RawValue | ChildOutcome | None:
        """Wait, and then execute as before."""
        await workflow.sleep(0.01)
        return await super().run(start)


if __name__ == "__main__":
    vars(process)["ExecutionWorkflow"] = ChangedWorkflow
    uvloop.run(process.main())
