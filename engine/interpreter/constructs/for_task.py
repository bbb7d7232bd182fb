"""`for`: a list of steps once for each item, each round on what the round before gave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.expressions.jq import Program
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.errors import ExhaustedError, fault
from engine.language.model import Task, TaskResult
from engine.language.reader import SECRETS, VARIABLES, DocumentNode

KEYS = ("for", "while", "do")
ITERATIONS_MAX = 100_000

# A leading __ is jq's and ours; $ENV is jq's.
_VARIABLE = re.compile(r"(?!__|ENV$)[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Loop:
    """What to go through, under which names, and what to do with each item."""

    resumes: ClassVar = True
    each: str
    at: str
    items: Any  # a program, or an array with programs in it
    condition: Program | None
    tasks: Sequence[Task]

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give what the last round gives; the data as it came when there is none."""
        state = scope.frame.state
        if "items" not in state:
            state |= {"items": self._items(interpreter, data, scope), "round": 0, "data": data}
        items = state["items"]
        while state["round"] < len(items):
            index, data = state["round"], state["data"]
            within = scope.with_variables(**{self.each: items[index], self.at: index})
            fresh = not scope.frame.children  # a round that was begun has its condition behind it
            if (
                fresh
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


def read(node: DocumentNode) -> Loop:
    """Read the step's own keys."""
    over = node.require("for").allow_only("each", "in", "at")
    each, at = read_variable(over, "each", "item"), read_variable(over, "at", "index")
    within = node.with_variables(each, at)
    condition = within.get("while")
    below = within.require("do")
    return Loop(
        each=each,
        at=at,
        items=over.require("in").template_or_program(),
        condition=condition.program() if condition else None,
        tasks=below.read_tasks(below),
    )


def read_variable(node: DocumentNode, key: str, default: str) -> str:
    """Return the name of a variable that steps below can use."""
    found = node.get(key)
    if found is None:
        return default
    name = found.text()
    if name and not _VARIABLE.fullmatch(name):
        found.add_fault("must be letters, digits and underscores, and no name of jq")
        return default
    if name in VARIABLES or name == SECRETS:
        found.add_fault(f"${name} already means something else")
    return name or default
