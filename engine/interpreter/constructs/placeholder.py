"""Placeholder of a task that could not be read."""

from __future__ import annotations

from typing import Any

from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.model import TaskResult


class Placeholder:
    """Construct of a task that could not be read.

    A definition with a placeholder has a fault and never runs.
    """

    async def run(
        self,
        interpreter: Interpreter,  # noqa: ARG002 - a construct's signature
        data: Any,
        scope: Scope,  # noqa: ARG002 - a construct's signature
    ) -> TaskResult:
        """Return the data unchanged."""
        return TaskResult(data)
