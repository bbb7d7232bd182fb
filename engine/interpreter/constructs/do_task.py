"""`do`: steps one after the other, each on what the one before gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.model import Task, TaskResult
from engine.language.reader import DocumentNode

KEYS = ("do",)


@dataclass(frozen=True, slots=True)
class Do:
    """A list of steps in a scope of their own."""

    resumes: ClassVar = True
    tasks: Sequence[Task]

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give what the last step gives."""
        return TaskResult(await interpreter.run_tasks(self.tasks, data, scope))


def read(node: DocumentNode) -> Do:
    """Read the step's own keys."""
    below = node.require("do")
    return Do(below.read_tasks(below))
