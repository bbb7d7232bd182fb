"""`wait`: a pause that restarts of workers do not shorten or prolong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from engine.expressions.jq import Program
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.errors import ExhaustedError
from engine.language.model import TaskResult

KEYS = ("wait",)
SECONDS_MAX = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait of a duration in seconds."""

    resumes: ClassVar = True
    duration: float | Program

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the data unchanged, after the wait."""
        state = scope.frame.state
        if "until" not in state:
            seconds = interpreter.seconds(self.duration, data, scope)
            if seconds > SECONDS_MAX:
                raise ExhaustedError("a wait of more than a year (waitSeconds)")
            state["until"] = interpreter.environment.now().timestamp() + seconds
            await interpreter.quiescence.safe_point(scope.frame)
        await interpreter.sleep_until(state["until"], scope)
        return TaskResult(data)


def read(node: DocumentNode) -> Wait:
    """Read the task's own keys."""
    return Wait(node.require("wait").duration())
