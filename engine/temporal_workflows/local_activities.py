"""Local activities: the engine's own work between two steps, without a task queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError, FailureError

from engine.contracts.executions import UNDONE, UNOPENABLE

LOCAL_SECONDS = 20.0
# A database that is away comes back; a row that is gone does not.
_PATIENTLY = RetryPolicy(
    maximum_interval=timedelta(seconds=10), non_retryable_error_types=["NotFoundError"]
)


async def locally(name: str, argument: Any, answer: type | None) -> Any:
    """Run a local activity: no task queue, and all of them in one workflow task when steps are pure.

    :raises ApplicationError: `UNOPENABLE` as it came; `UNDONE` for every other failure.
    """
    try:
        return await workflow.execute_local_activity(
            name,
            argument,
            result_type=answer,
            start_to_close_timeout=timedelta(seconds=LOCAL_SECONDS),
            retry_policy=_PATIENTLY,
        )
    except CancelledError:
        raise
    except FailureError as error:
        if isinstance(error, ApplicationError) and error.type == UNOPENABLE:
            raise
        message = f"The engine could not {name}"
        # A cause would bring its encrypted details along, and who awaits this has no key to them.
        raise ApplicationError(message, type=UNDONE, non_retryable=True) from None
