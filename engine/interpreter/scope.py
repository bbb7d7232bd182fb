"""What a step's expressions see, and the way out past all surrounding steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.interpreter.definition import Step
from engine.interpreter.frames import Frame


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions see beside their input, the step's own view, and the frame it may keep things in."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    step: Step | None = None
    depth: int = 0  # how many functions called one another on the way here
    extended: Mapping[str, Any] | None = None  # the task an extension is for, while one is at work
    attempt: int = 1  # of the innermost `try` around
    frame: Frame = field(default_factory=lambda: Frame(pinned=True))

    def knowing(self, **more: Any) -> Scope:
        """Return the scope with more variables."""
        return replace(self, variables={**self.variables, **more})


class EndedError(Exception):
    """Not an error: `then: end` on its way up, past every surrounding step."""

    def __init__(self, output: Any) -> None:
        super().__init__("end")
        self.output = output
