"""Executions of the interpreter that ran to their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from temporalio.client import WorkflowHandle

from engine.contracts import executions

HEADER = {"dsl": "1.0.3", "namespace": "tests", "name": "case", "version": "1.0.0"}


@dataclass(frozen=True, slots=True)
class Ran:
    """One execution that ended."""

    settlement: executions.Settlement
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


Execute = Callable[..., Awaitable[Ran]]
