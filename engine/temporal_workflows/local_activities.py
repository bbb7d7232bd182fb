"""Local activities: the engine's own work between two tasks, without a task queue."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError, FailureError

from engine.contracts.commands import REFUSED
from engine.contracts.executions import OUTAGE, UNDONE, UNOPENABLE
from engine.temporal_workflows.crowding import run_when_uncrowded

TIMEOUT_SECONDS = 20.0
# How long an outage is survived. An execution, a check or a reading that may last less ends sooner.
OUTAGE_MAX = timedelta(hours=24)
# The next attempt comes after a quarter of the outage's duration so far, within these bounds.
PAUSE_MIN, PAUSE_MAX = timedelta(seconds=0.5), timedelta(seconds=60)
_ONCE = RetryPolicy(maximum_attempts=1)


async def run_local_activity(name: str, argument: Any, result_type: type | None) -> Any:
    """Run a local activity; without I/O between them, several run in one workflow task.

    An outage is retried for OUTAGE_MAX. The workflow waits for the next attempt by a timer, which
    unlike a retry of the SDK leaves no workflow task open. No other failure is retried.

    :raises ApplicationError: `UNOPENABLE` or `REFUSED` from the activity itself; `UNDONE` for
        every other failure.
    """
    outage_start: datetime | None = None
    while True:
        try:
            return await run_when_uncrowded(
                lambda: workflow.execute_local_activity(
                    name,
                    argument,
                    result_type=result_type,
                    start_to_close_timeout=timedelta(seconds=TIMEOUT_SECONDS),
                    retry_policy=_ONCE,
                )
            )
        except CancelledError:
            raise
        except FailureError as error:
            failure_type = error.type if isinstance(error, ApplicationError) else None
            if failure_type in {UNOPENABLE, REFUSED}:
                raise
            outage_start = outage_start or workflow.now()
            duration = workflow.now() - outage_start
            if failure_type != OUTAGE or duration > OUTAGE_MAX:
                message = f"The engine could not {name}"
                # A cause would include its encrypted details, for which the waiting client has no
                # key.
                raise ApplicationError(message, type=UNDONE, non_retryable=True) from None
        pause = min(max(duration / 4, PAUSE_MIN), PAUSE_MAX)
        await workflow.sleep(pause, summary="outage")
