"""The baseline of HTTP calls: a Temporal workflow written by hand for the same requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow

from engine.contracts.calls import CALL_HTTP, HttpAnswer, HttpCall


@workflow.defn(name="by-hand")
class ByHandWorkflow:
    """Workflow that sends one request after the other."""

    @workflow.run
    async def run(self, url: str, times: int) -> Any:
        """Return the last answer's content."""
        content: Any = None
        for _ in range(times):
            answer: HttpAnswer = await workflow.execute_activity(
                CALL_HTTP,
                HttpCall("GET", url),
                result_type=HttpAnswer,
                start_to_close_timeout=timedelta(seconds=35),
                heartbeat_timeout=timedelta(seconds=10),
            )
            content = answer.content
        return content
