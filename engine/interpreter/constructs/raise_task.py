"""`raise`: an error that the definition describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.errors import FaultError, ProblemDetails, fault
from engine.language.model import TaskResult

KEYS = ("raise",)
_MEMBERS = ("type", "status", "title", "detail", "instance")


@dataclass(frozen=True, slots=True)
class Raise:
    """Error whose members are values or programs."""

    members: dict[str, Any]

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Raise the error.

        :raises FaultError: always.
        """
        members = {
            name: interpreter.fill(member, data, scope) for name, member in self.members.items()
        }
        status = members["status"]
        if (
            isinstance(status, bool)
            or not isinstance(status, int)
            or not isinstance(members["type"], str)
        ):
            raise fault(
                "expression", "an error needs a type that is text and a status that is a number"
            )
        texts = {
            name: str(members[name])
            for name in ("title", "detail", "instance")
            if members.get(name)
        }
        raise FaultError(ProblemDetails(members["type"], status, **texts))


def read(node: DocumentNode) -> Raise:
    """Read the task's own keys."""
    error = node.require("raise").allow_only("error").require("error")
    component = error.component("errors") if isinstance(error.value, str) else error
    if component is None:
        return Raise({"type": "", "status": 0})
    check(component)
    members = {name: component.require(name).template() for name in _MEMBERS if component.has(name)}
    return Raise(members)


def check(node: DocumentNode) -> None:
    """Check an error's members."""
    node.allow_only(*_MEMBERS)
    node.require("type").text()
    status = node.require("status").value
    if not isinstance(status, str) and (isinstance(status, bool) or not isinstance(status, int)):
        node.child("status", status).add_fault("must be a number")
