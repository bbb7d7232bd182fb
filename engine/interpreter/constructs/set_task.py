"""`set`: output from a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.expressions.templates import compact
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.model import TaskResult

KEYS = ("set",)


@dataclass(frozen=True, slots=True)
class Set:
    """Template or expression that gives the output."""

    template: Any

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the output of the template."""
        return TaskResult(interpreter.fill(self.template, data, scope))


def read(node: DocumentNode) -> Set:
    """Read the task's own keys."""
    value = node.require("set")
    if not isinstance(value.value, (dict, str)) or not value.value:
        value.add_fault("must be an object with members, or an expression")
    return Set(compact(value.template_or_program()))
