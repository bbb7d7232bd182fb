"""`for`: a list of steps once for each item, each round on what the round before gave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.interpreter.definition import Outcome, Step
from engine.interpreter.expressions.programs import Program
from engine.interpreter.faults import ExhaustedError, fault
from engine.interpreter.node import ARGUMENTS, Node
from engine.interpreter.walk import Scope, Walk

KEYS = ("for", "while", "do")
ITERATIONS_MAX = 100_000

# A leading __ is jq's and ours; $ENV is jq's.
_VARIABLE = re.compile(r"(?!__|ENV$)[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Loop:
    """What to go through, under which names, and what to do with each item."""

    each: str
    at: str
    items: Any  # a program, or an array with programs in it
    condition: Program | None
    steps: Sequence[Step]

    async def run(self, walk: Walk, data: Any, scope: Scope) -> Outcome:
        """Give what the last round gives; the data as it came when there is none."""
        items = walk.fill(self.items, data, scope)
        if not isinstance(items, list):
            raise fault("expression", "for.in must give an array")
        if len(items) > ITERATIONS_MAX:
            raise ExhaustedError(f"a loop of more than {ITERATIONS_MAX} iterations")
        for index, item in enumerate(items):
            within = scope.knowing(**{self.each: item, self.at: index})
            if self.condition is not None and not walk.holds(self.condition, data, within):
                break
            data = await walk.list(self.steps, data, within)
        return Outcome(data)


def read(node: Node) -> Loop:
    """Read the step's own keys."""
    over = node.need("for").only("each", "in", "at")
    each, at = read_variable(over, "each", "item"), read_variable(over, "at", "index")
    within = node.knowing(each, at)
    condition = within.get("while")
    below = within.need("do")
    return Loop(
        each=each,
        at=at,
        items=over.need("in").template_or_program(),
        condition=condition.program() if condition else None,
        steps=below.read_steps(below),
    )


def read_variable(node: Node, key: str, default: str) -> str:
    """Return the name of a variable that steps below can use."""
    found = node.get(key)
    if found is None:
        return default
    name = found.text()
    if name and not _VARIABLE.fullmatch(name):
        found.fault("must be letters, digits and underscores, and no name of jq")
        return default
    if name in ARGUMENTS:
        found.fault(f"${name} already means something else")
    return name or default
