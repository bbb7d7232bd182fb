"""Replays histories with the current interpreter."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from engine.contracts.payload_converter import ReplyPayloadConverter
from engine.temporal_workflows.execution import ExecutionWorkflow

REPLAY_SECONDS_MAX = 60.0


async def replay(history: WorkflowHistory) -> None:
    replayer = Replayer(
        workflows=[ExecutionWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=replace(
            DataConverter.default, payload_converter_class=ReplyPayloadConverter
        ),
        # Without the limit of two seconds a task, as the replayer waits forever for a task that
        # exceeds it.
        debug_mode=True,
    )
    replayed = asyncio.ensure_future(replayer.replay_workflow(history))
    # Not `timeout`, which would wait for the cancelled one: a replay that hangs is to say so.
    ended, _ = await asyncio.wait([replayed], timeout=REPLAY_SECONDS_MAX)
    assert ended, "the replay does not end"
    replayed.result()
