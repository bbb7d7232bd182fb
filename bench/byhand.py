"""The baseline of calls: a Temporal workflow as one would write it for the same requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow

from engine.interpreter import contracts


@workflow.defn(name="by-hand")
class ByHandWorkflow:
    """Sends one request after the other."""

    @workflow.run
    async def run(self, url: str, times: int) -> Any:
        """Return the last answer's content."""
        content: Any = None
        for _ in range(times):
            answer: contracts.HttpAnswer = await workflow.execute_activity(
                contracts.CALL_HTTP,
                contracts.HttpCall("GET", url),
                result_type=contracts.HttpAnswer,
                start_to_close_timeout=timedelta(seconds=35),
                heartbeat_timeout=timedelta(seconds=10),
            )
            content = answer.content
        return content
