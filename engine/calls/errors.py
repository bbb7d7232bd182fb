"""Errors of calls, and their translation into failures of activities."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.exceptions import ApplicationError

from engine.egress.guard import EgressError


class CredentialsError(Exception):
    """Lack of credentials for a call; the text quotes nothing of the request."""


def failure(kind: str, text: str, status: int | None = None) -> ApplicationError:
    """Return the failure of an activity with a kind of error of the language.

    Temporal does not retry it; the definition decides about retries.

    :param status: of the server's answer, if the error has one.
    """
    details = () if status is None else (status,)
    return ApplicationError(text, *details, type=kind, non_retryable=True)


@asynccontextmanager
async def translate_errors(
    seconds: float | None = None, *, timeout_kind: str = "timeout"
) -> AsyncIterator[None]:
    """Limit the time of a block, and raise its errors as failures of the activity.

    Source of the kinds: DSL reference, "Standard Error Types".

    :param seconds: limit of the block; None for a block whose requests have their own limits.
    :param timeout_kind: kind of error when a server does not answer in time.
    :raises ApplicationError: of kind communication, authentication or `timeout_kind`.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise failure(timeout_kind, "the call took too long") from None
    except CredentialsError as error:
        raise failure("authentication", str(error)) from None
    except EgressError as error:
        kind = timeout_kind if error.code == "timeout" else "communication"
        raise failure(kind, str(error)) from None
