"""Repetition of activities that found no place because their account uses its share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from engine.contracts.task_queue import CROWDED


async def run_when_uncrowded(start: Callable[[], Awaitable[Any]]) -> Any:
    """Return the result of an activity; wait and start it anew each time that it found no place.

    The workflow waits for a timer, so it holds neither a workflow task nor a place meanwhile.

    :raises FailureError: every other failure of the activity.
    """
    while True:
        try:
            return await start()
        except FailureError as error:
            failure = error.cause if isinstance(error, ActivityError) else error
            if not isinstance(failure, ApplicationError) or failure.type != CROWDED:
                raise
            seconds = float(failure.details[0])
        await workflow.sleep(timedelta(seconds=seconds), summary="turn")
