"""Work that a process does again and again beside its main one, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError
from temporalio.service import RPCError

# What is away comes back; Temporal's client says of a server that it cannot reach no more than RuntimeError.
AWAY = (OperationalError, RedisError, RPCError, RuntimeError, OSError)
log = structlog.get_logger()


async def rounds(work: Callable[[], Awaitable[object]], *, seconds: float, failed: str) -> None:
    """Do the work every so many seconds until cancelled; what a round fails with is logged as `failed`.

    A defect costs its own round and nobody else's: whoever ended for it would end again after its restart.
    """
    while True:
        try:
            await work()
        except AWAY as fault:
            log.warning(failed, error=type(fault).__name__)
        except Exception:
            log.exception(failed)
        await asyncio.sleep(seconds)
