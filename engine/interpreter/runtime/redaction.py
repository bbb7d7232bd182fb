"""Keeping secrets to themselves: wherever an error or an event would carry a secret's value, `***` stands.

A child process looks: how long that takes is for the writer of the data and of the secrets to choose, and a
needle made for it is looked for two hundred times as long as another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.expressions.sandbox import pool
from engine.interpreter.runtime.budget import Budget
from engine.language.errors import ExhaustedError, FaultError

_TOLD = ("type", "title", "detail", "instance")  # of an error


@dataclass(slots=True)
class Redaction:
    """What is not to be told of a walk."""

    secrets: Mapping[str, Any]
    budget: Budget
    _source: str = field(init=False)

    def __post_init__(self) -> None:
        """Write the secrets down as a child is told them."""
        self._source = json.dumps(self.secrets) if self.secrets else ""

    def of(self, value: Any) -> Any:
        """Return the value with every text and number of the secrets in it replaced.

        :raises ExhaustedError: when looking for all of them takes more than an expression may take, or
            together more than a workflow task may take.
        """
        if not self.secrets:
            return value
        try:
            told = pool.shared("redaction").evaluate(self._source, value)
        except (pool.ProgramError, pool.BrokenError):
            raise ExhaustedError(
                "looking for secrets in what is told takes more than it may"
            ) from None
        self.budget.spend(told)
        return value if told.value is None else told.value[0]

    def hidden(self, error: FaultError) -> FaultError:
        """Return the error without the values of secrets."""
        if not self.secrets:
            return error
        texts = self.of([getattr(error.problem, name) for name in _TOLD])
        return FaultError(replace(error.problem, **dict(zip(_TOLD, texts, strict=True))))
