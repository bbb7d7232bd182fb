"""`raise`: an error of the definition's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.errors import FaultError, ProblemDetails, fault
from engine.language.model import TaskResult
from engine.language.reader import DocumentNode

KEYS = ("raise",)
_MEMBERS = ("type", "status", "title", "detail", "instance")


@dataclass(frozen=True, slots=True)
class Raise:
    """The error's members, each a value or a program."""

    members: dict[str, Any]

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Raise it.

        :raises FaultError: always.
        """
        found = {
            name: interpreter.fill(member, data, scope) for name, member in self.members.items()
        }
        status = found["status"]
        if (
            isinstance(status, bool)
            or not isinstance(status, int)
            or not isinstance(found["type"], str)
        ):
            raise fault(
                "expression", "an error needs a type that is text and a status that is a number"
            )
        texts = {
            name: str(found[name]) for name in ("title", "detail", "instance") if found.get(name)
        }
        raise FaultError(ProblemDetails(found["type"], status, **texts))


def read(node: DocumentNode) -> Raise:
    """Read the step's own keys."""
    error = node.require("raise").allow_only("error").require("error")
    found = error.component("errors") if isinstance(error.value, str) else error
    if found is None:
        return Raise({"type": "", "status": 0})
    check(found)
    return Raise({name: found.require(name).template() for name in _MEMBERS if found.has(name)})


def check(node: DocumentNode) -> None:
    """Check an error's members."""
    node.allow_only(*_MEMBERS)
    node.require("type").text()
    status = node.require("status").value
    if not isinstance(status, str) and (isinstance(status, bool) or not isinstance(status, int)):
        node.child("status", status).add_fault("must be a number")
