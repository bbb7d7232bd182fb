"""What a step's expressions see, and the way out past all surrounding steps."""

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
    """What expressions see beside their input, the step's own view, and the frame it may keep things in."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    task: Task | None = None
    depth: int = 0  # how many functions called one another on the way here
    nested: int = 0  # how many steps stand around this place, those that called functions too
    extended: Mapping[str, Any] | None = None  # the task an extension is for, while one is at work
    attempt: int = 1  # of the innermost `try` around
    frame: Frame = field(default_factory=lambda: Frame(pinned=True))

    def with_variables(self, **more: Any) -> Scope:
        """Return the scope with more variables."""
        return replace(self, variables={**self.variables, **more})

    def entered(self, task: Task, frame: Frame, /, **more: Any) -> Scope:
        """Return the scope of a step that stands in this one, with more variables.

        :raises ExhaustedError: when too many stand in one another.
        """
        if self.nested == NESTED_MAX:
            raise ExhaustedError(
                f"steps stand more than {NESTED_MAX} deep in one another (stepsNested)"
            )
        return replace(self.with_variables(**more), task=task, frame=frame, nested=self.nested + 1)


class EndedError(Exception):
    """Not an error: `then: end` on its way up, past every surrounding step."""

    def __init__(self, output: Any) -> None:
        super().__init__("end")
        self.output = output
