"""Heartbeats of all activities: the server notices a killed worker, and cancels a call, soon."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

EVERY_SECONDS = 1.0


class Heartbeats(Interceptor):
    """Interceptor of every worker with activities: without it they time out."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Return the interceptor of one activity."""
        return _ActivityHeartbeats(next)


class _ActivityHeartbeats(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        if activity.info().is_local:
            return await super().execute_activity(input)
        heartbeats = asyncio.create_task(_beat())
        try:
            return await super().execute_activity(input)
        finally:
            heartbeats.cancel()


async def _beat() -> None:
    """Send a heartbeat a second; its answer says whether the activity was cancelled."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        activity.heartbeat()
