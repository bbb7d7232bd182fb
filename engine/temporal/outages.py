"""Outages: failures that a new attempt may mend. Any other failure of an activity is final.

`FailureClassifier` is the one place that decides it. The workflows retry an outage alone.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from engine.contracts.executions import OUTAGE
from engine.errors import EngineError, OutageError, UnavailableError

# Classes and codes of PostgreSQL (appendix A): connection, transaction rollback, resources,
# intervention of an operator, system; a lock that was not free, and a server that became a replica.
_SQLSTATE_CLASSES = {"08", "40", "53", "57", "58"}
_SQLSTATES = {"55P03", "25006"}
# CANCELLED is the time-out of the SDK's own client.
_TEMPORAL_ABSENCES = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
}
# How long a local activity may wait for a thread, less than it may take in all.
THREAD_WAIT_SECONDS_MAX = 15.0
log = structlog.get_logger()


def is_outage(error: BaseException) -> bool:
    """Tell whether an error says that the database, Redis, Temporal or the machine is overtaxed."""
    match error:
        case OutageError() | UnavailableError() | PoolTimeoutError():
            return True
        case RedisConnectionError() | RedisTimeoutError():
            return True
        case RPCError():
            return is_temporal_absence(error)
        case DBAPIError():
            return error.connection_invalidated or _is_database_outage(error.orig)
    return _is_database_outage(error)


def is_temporal_absence(error: RPCError) -> bool:
    """Tell whether Temporal did not answer at all; any other status answers one request."""
    return error.status in _TEMPORAL_ABSENCES


def _is_database_outage(error: BaseException | None) -> bool:
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:  # of the client library: without a connection there is no code
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate in _SQLSTATES or error.sqlstate[:2] in _SQLSTATE_CLASSES


class FailureClassifier(Interceptor):
    """Interceptor of every worker with activities: it fails them as outages, or for good."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Return the interceptor of one activity."""
        return _ClassifiedActivity(next)


class _ClassifiedActivity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        wait = asyncio.timeout(_thread_wait(input))
        try:
            async with wait:
                input.fn = _ending(wait, input.fn)
                return await super().execute_activity(input)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is classified here
            cause = OutageError("no thread was free in time") if wait.expired() else error
            raise classify(cause) from None


def _thread_wait(input: ExecuteActivityInput) -> float | None:  # noqa: A002 - as above
    """Return how long the activity may wait for a thread; None for one that needs none."""
    is_bounded = activity.info().is_local and not inspect.iscoroutinefunction(input.fn)
    return THREAD_WAIT_SECONDS_MAX if is_bounded else None


def _ending(wait: asyncio.Timeout, function: Any) -> Any:
    """Return a function that ends the wait for a thread when it begins in one."""
    if wait.when() is None:
        return function
    loop = asyncio.get_running_loop()

    def end() -> None:
        with suppress(RuntimeError):  # the wait is over
            wait.reschedule(None)

    def begin(*arguments: Any) -> Any:
        loop.call_soon_threadsafe(end)
        return function(*arguments)

    return begin


def classify(error: Exception) -> ApplicationError:
    """Return the failure that Temporal gets: of type OUTAGE, or one that nothing retries."""
    if is_outage(error):
        log.warning("outage", activity=activity.info().activity_type, error=type(error).__name__)
        return ApplicationError("a part of the platform is unavailable", type=OUTAGE)
    if isinstance(error, ApplicationError):
        return ApplicationError(
            error.message,
            *error.details,
            type=error.type,
            non_retryable=True,
            category=error.category,
        )
    name = activity.info().activity_type
    if isinstance(error, EngineError):
        log.warning("activity_refused", activity=name, error=error.code)
    else:
        log_defect("activity_failed", error, activity=name)
    return ApplicationError("the activity failed", type=type(error).__name__, non_retryable=True)


def log_defect(event: str, error: Exception, **members: str) -> None:
    """Log an error that nobody expected, with its place but not its text, which may quote users."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    log.error(event, error=type(error).__name__, place=place, **members)
