"""Interruptible wait: waits for the ends of workflows, until the process has to stop."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError


class InterruptibleWaits:
    """All waits of one event loop; once interrupted, no new wait begins."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._interruption = asyncio.Event()

    def interrupt(self) -> None:
        """End all waits; call it on the event loop."""
        self._interruption.set()
        for task in self._tasks:
            task.cancel()

    async def result(self, handle: WorkflowHandle[Any, Any], wait: float) -> Any:
        """Return a workflow's result, or nothing after `wait` seconds or an interruption."""
        if self._interruption.is_set():
            return None
        task = asyncio.create_task(result(handle, wait))
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._interruption.is_set():
                raise
            return None
        finally:
            self._tasks.discard(task)


async def result(handle: WorkflowHandle[Any, Any], wait: float) -> Any:
    """Return a workflow's result, or nothing after `wait` seconds.

    The result of a failed workflow is the first detail of its error.
    """
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
