"""Work that a process repeats at intervals beside its main one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError
from temporalio.service import RPCError

# Outages end; for an unreachable server Temporal's client raises a plain RuntimeError.
OUTAGES = (OperationalError, RedisError, RPCError, RuntimeError, OSError)
log = structlog.get_logger()


async def rounds(work: Callable[[], Awaitable[object]], *, seconds: float, failed: str) -> None:
    """Do the work every `seconds` until cancelled; log the errors of rounds as event `failed`.

    A defect costs its own round alone: a process that ended for it would end again when restarted.
    """
    while True:
        try:
            await work()
        except OUTAGES as error:
            log.warning(failed, error=type(error).__name__)
        except Exception:
            log.exception(failed)
        await asyncio.sleep(seconds)
