"""Scope of a task: what its expressions see, and its place among the surrounding tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.interpreter.runtime.frames import Frame
from engine.language.errors import ExhaustedError
from engine.language.model import Task
from engine.language.size_limits import NESTED_MAX


@dataclass(frozen=True, slots=True)
class Scope:
    """Variables of expressions, the task that they belong to, and the frame for its state."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    task: Task | None = None
    depth: int = 0  # functions that called one another down to here
    nesting: int = 0  # tasks around this place, including those that called functions
    extended_task: Mapping[str, Any] | None = None  # `$task` of the task that an extension extends
    attempt: int = 1  # of the innermost surrounding `try`
    frame: Frame = field(default_factory=lambda: Frame(pinned=True))

    def with_variables(self, **variables: Any) -> Scope:
        """Return the scope with more variables."""
        return replace(self, variables={**self.variables, **variables})

    def enter(self, task: Task, frame: Frame, /, **variables: Any) -> Scope:
        """Return the scope of a task inside this one, with more variables.

        :raises ExhaustedError: when too many tasks are nested.
        """
        if self.nesting == NESTED_MAX:
            raise ExhaustedError(
                f"steps stand more than {NESTED_MAX} deep in one another (stepsNested)"
            )
        return replace(
            self.with_variables(**variables), task=task, frame=frame, nesting=self.nesting + 1
        )


class EndedError(Exception):
    """Signal of `then: end`, which leaves every surrounding task; no error."""

    def __init__(self, output: Any) -> None:
        super().__init__("end")
        self.output = output
