"""`do`: tasks in sequence; the output of each is the input of the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.model import Task, TaskResult

KEYS = ("do",)


@dataclass(frozen=True, slots=True)
class Do:
    """List of tasks in a scope of their own."""

    resumes: ClassVar = True
    tasks: Sequence[Task]

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Run the tasks and return the output of the last one."""
        return TaskResult(await interpreter.run_tasks(self.tasks, data, scope))


def read(node: DocumentNode) -> Do:
    """Read the task's own keys."""
    tasks = node.require("do")
    return Do(tasks.read_tasks(tasks))
