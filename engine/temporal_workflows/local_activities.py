"""Local activities: the engine's own work between two tasks, without a task queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError, FailureError

from engine.contracts.executions import UNDONE, UNOPENABLE
from engine.temporal_workflows.crowding import run_when_uncrowded

TIMEOUT_SECONDS = 20.0
# A database that is unavailable comes back; a row that was deleted does not.
_RETRY_POLICY = RetryPolicy(
    maximum_interval=timedelta(seconds=10), non_retryable_error_types=["NotFoundError"]
)


async def run_local_activity(name: str, argument: Any, result_type: type | None) -> Any:
    """Run a local activity; without I/O between them, several run in one workflow task.

    :raises ApplicationError: `UNOPENABLE` from the activity itself; `UNDONE` for every other
        failure.
    """
    try:
        return await run_when_uncrowded(
            lambda: workflow.execute_local_activity(
                name,
                argument,
                result_type=result_type,
                start_to_close_timeout=timedelta(seconds=TIMEOUT_SECONDS),
                retry_policy=_RETRY_POLICY,
            )
        )
    except CancelledError:
        raise
    except FailureError as error:
        if isinstance(error, ApplicationError) and error.type == UNOPENABLE:
            raise
        message = f"The engine could not {name}"
        # A cause would include its encrypted details, for which the waiting client has no key.
        raise ApplicationError(message, type=UNDONE, non_retryable=True) from None
