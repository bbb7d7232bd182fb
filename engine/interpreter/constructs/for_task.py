"""`for`: a list of tasks once for each item; each round gets the output of the one before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.expressions.jq import Program
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import SECRETS, VARIABLES, DocumentNode
from engine.language.errors import ExhaustedError, fault
from engine.language.model import Task, TaskResult

KEYS = ("for", "while", "do")
ITERATIONS_MAX = 100_000

# jq and this project reserve a leading __; $ENV is a variable of jq.
_VARIABLE = re.compile(r"(?!__|ENV$)[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class For:
    """Loop over items, with the names of its variables."""

    resumes: ClassVar = True
    each: str
    at: str
    items: Any  # a program, or an array with programs in it
    condition: Program | None
    tasks: Sequence[Task]

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Run the rounds and return the output of the last one; without rounds, the input."""
        state = scope.frame.state
        if "items" not in state:
            state |= {"items": self._items(interpreter, data, scope), "round": 0, "data": data}
        items = state["items"]
        while state["round"] < len(items):
            index, data = state["round"], state["data"]
            within = scope.with_variables(**{self.each: items[index], self.at: index})
            # A round that a frame continues has met its condition.
            is_new = not scope.frame.children
            if (
                is_new
                and self.condition is not None
                and not interpreter.is_true(self.condition, data, within)
            ):
                break
            state |= {
                "data": await interpreter.run_tasks(self.tasks, data, within),
                "round": index + 1,
            }
            await interpreter.quiescence.safe_point(scope.frame)
        return TaskResult(state["data"])

    def _items(self, interpreter: Interpreter, data: Any, scope: Scope) -> list[Any]:
        items = interpreter.fill(self.items, data, scope)
        if not isinstance(items, list):
            raise fault("expression", "for.in must give an array")
        if len(items) > ITERATIONS_MAX:
            raise ExhaustedError(
                f"a loop of more than {ITERATIONS_MAX} iterations (loopIterations)"
            )
        return items


def read(node: DocumentNode) -> For:
    """Read the task's own keys."""
    loop = node.require("for").allow_only("each", "in", "at")
    each, at = read_variable(loop, "each", "item"), read_variable(loop, "at", "index")
    within = node.with_variables(each, at)
    condition = within.get("while")
    tasks = within.require("do")
    return For(
        each=each,
        at=at,
        items=loop.require("in").template_or_program(),
        condition=condition.program() if condition else None,
        tasks=tasks.read_tasks(tasks),
    )


def read_variable(node: DocumentNode, key: str, default: str) -> str:
    """Return the name of a variable that a member declares for the tasks of a block."""
    member = node.get(key)
    if member is None:
        return default
    name = member.text()
    if name and not _VARIABLE.fullmatch(name):
        member.add_fault("must be letters, digits and underscores, and no name of jq")
        return default
    if name in VARIABLES or name == SECRETS:
        member.add_fault(f"${name} already means something else")
    return name or default
