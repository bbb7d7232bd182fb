"""Redaction: `***` replaces the values of secrets in errors and events.

A sandbox process searches for them, because the authors of the data and of the secrets determine
how long the search takes. A secret made for it takes two hundred times as long to search for as
another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.expressions.sandbox import pool
from engine.interpreter.runtime.budget import Budget
from engine.language.errors import ExhaustedError, FaultError

_TEXT_MEMBERS = ("type", "title", "detail", "instance")  # of an error


@dataclass(slots=True)
class Redaction:
    """Redactor of an execution's secrets."""

    secrets: Mapping[str, Any]
    budget: Budget
    _source: str = field(init=False)

    def __post_init__(self) -> None:
        """Write the secrets as the JSON text that the sandbox process receives."""
        self._source = json.dumps(self.secrets) if self.secrets else ""

    def redact(self, value: Any) -> Any:
        """Return the value with every text and number of the secrets in it replaced.

        :raises ExhaustedError: when the search exceeds the budget of an expression, or of the
            workflow task.
        """
        if not self.secrets:
            return value
        try:
            answer = pool.get_pool("redaction").evaluate(self._source, value)
        except (pool.ProgramError, pool.BrokenError):
            raise ExhaustedError(
                "the search for secrets in an error or event takes more time or memory than it may"
            ) from None
        self.budget.spend(answer)
        return value if answer.value is None else answer.value[0]

    def redact_error(self, error: FaultError) -> FaultError:
        """Return the error without the values of secrets."""
        if not self.secrets:
            return error
        texts = self.redact([getattr(error.problem, name) for name in _TEXT_MEMBERS])
        return FaultError(replace(error.problem, **dict(zip(_TEXT_MEMBERS, texts, strict=True))))
