"""Completed executions of the interpreter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowQueryFailedError

from engine.contracts.executions import Settlement
from tests.support.waiting import UNTIL_SECONDS_MAX

EXECUTION_TIMEOUT = timedelta(seconds=UNTIL_SECONDS_MAX)  # ends an execution that hangs
HEADER = {"dsl": "1.0.3", "namespace": "tests", "name": "case", "version": "1.0.0"}


@dataclass(frozen=True, slots=True)
class CompletedExecution:
    """One execution that ended."""

    settlement: Settlement
    handle: WorkflowHandle[Any, Any]
    failure: BaseException | None
    trail: list[str]

    @property
    def output(self) -> Any:
        assert self.settlement.error is None, self.settlement.error
        return self.settlement.result

    @property
    def error(self) -> dict[str, Any]:
        assert self.settlement.error is not None, self.settlement.result
        return self.settlement.error


Execute = Callable[..., Awaitable[CompletedExecution]]


async def trail_of(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """Return the tasks that an execution ran, in order.

    A worker without the execution in its cache replays it, and fails the query when the machine is
    too busy for that. Temporal retries workflow tasks, but no queries.
    """
    async with asyncio.timeout(EXECUTION_TIMEOUT.total_seconds()):
        while True:
            with suppress(WorkflowQueryFailedError):
                trail: list[str] = await handle.query("trail", rpc_timeout=EXECUTION_TIMEOUT)
                return trail
