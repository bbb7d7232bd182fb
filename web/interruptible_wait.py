"""Waiting for ends of workflows, until the process itself is to end."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError


class Patience:
    """All that waits on one loop; once it is lost, nothing waits any more."""

    def __init__(self) -> None:
        self._waits: set[asyncio.Task[Any]] = set()
        self._lost = asyncio.Event()

    def lose(self) -> None:
        """Let go of whoever waits; belongs on the loop."""
        self._lost.set()
        for waiting in self._waits:
            waiting.cancel()

    async def result(self, handle: WorkflowHandle[Any, Any], wait: float) -> Any:
        """Return what a workflow answers within `wait` seconds, if there is patience for so long."""
        if self._lost.is_set():
            return None
        waiting = asyncio.create_task(result(handle, wait))
        self._waits.add(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if not self._lost.is_set():
                raise
            return None
        finally:
            self._waits.discard(waiting)


async def result(handle: WorkflowHandle[Any, Any], wait: float) -> Any:
    """Return what a workflow answers within `wait` seconds; a failed one carries its answer as its detail."""
    if wait <= 0:
        return None
    try:
        return await asyncio.wait_for(handle.result(), wait)
    except TimeoutError:
        return None
    except WorkflowFailureError as failure:
        if isinstance(failure.cause, ApplicationError) and failure.cause.details:
            return failure.cause.details[0]
        return None
