"""A sign of life from every activity: so a killed worker is missed soon, and a cancelled call ends soon."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

EVERY_SECONDS = 1.0


class Heartbeats(Interceptor):
    """Belongs to every worker that runs activities: they are given up without it."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Return what beats around an activity."""
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        if activity.info().is_local:
            return await super().execute_activity(input)
        beating = asyncio.create_task(_beat())
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat() -> None:
    """Tell the server at once a second; it is asked back whether the activity is still wanted."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        activity.heartbeat()
