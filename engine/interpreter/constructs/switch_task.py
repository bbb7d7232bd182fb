"""`switch`: the first case whose condition holds directs the flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.expressions.jq import Program
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.model import TaskResult

KEYS = ("switch",)


@dataclass(frozen=True, slots=True)
class Case:
    """Condition (None always holds) and the target of the flow."""

    when: Program | None
    then: str


@dataclass(frozen=True, slots=True)
class Switch:
    """Cases in declared order; the one without a condition is the default and comes last."""

    cases: Sequence[Case]

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the data unchanged; when no case holds, the task's own `then` decides."""
        for case in self.cases:
            if case.when is None or interpreter.is_true(case.when, data, scope):
                return TaskResult(data, case.then)
        return TaskResult(data)


def read(node: DocumentNode) -> Switch:
    """Read the task's own keys."""
    member = node.require("switch")
    cases = [case for case in (_read_case(item) for item in member.items()) if case is not None]
    if isinstance(member.value, list) and not member.value:
        member.add_fault("must have at least one case")
    return Switch(sorted(cases, key=lambda case: case.when is None))


def _read_case(item: DocumentNode) -> Case | None:
    members = item.members()
    if len(members) != 1:
        item.add_fault("must have exactly one member: the case under its name")
        return None
    name, body = next(iter(members.items()))
    case = item.under_name(str(name), body).allow_only("when", "then")
    when = case.get("when")
    return Case(when.program() if when else None, case.require("then").text())
