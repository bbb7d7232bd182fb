"""The Temporal worker of another day: its interpreter takes another way, from the first step on."""

from __future__ import annotations

import uvloop
from temporalio import workflow
from temporalio.common import RawValue

from engine.interpreter import contracts
from engine.interpreter.ordering import Told
from engine.interpreter.workflow import ExecutionWorkflow
from worker import temporal as process


@workflow.defn(name=contracts.EXECUTION)
class ChangedWorkflow(ExecutionWorkflow):
    """An execution that waits a moment before it walks: histories of today do not replay on it."""

    @workflow.run
    async def run(self, start: contracts.ExecutionStart) -> RawValue | Told | None:
        """Wait, and go on as ever."""
        await workflow.sleep(0.01)
        return await super().run(start)


if __name__ == "__main__":
    vars(process)["ExecutionWorkflow"] = ChangedWorkflow
    uvloop.run(process.main())
