"""`run`: a process beside the workflow; none of the kinds that need one of the machine's own is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.interpreter import refusals
from engine.interpreter.definition import Kind, Outcome
from engine.interpreter.node import Node
from engine.interpreter.walk import Scope, Walk

KEYS = ("run",)
KINDS = ("container", "script", "shell", "workflow")
_BESIDE = ("await", "return")


@dataclass(frozen=True, slots=True)
class Refused:
    """Stands in for a process that is not run: a definition with one is never walked."""

    async def run(self, walk: Walk, data: Any, scope: Scope) -> Outcome:  # noqa: ARG002 - a kind's signature
        """Give what came."""
        return Outcome(data)


def read(node: Node) -> Kind:
    """Read the step's own keys."""
    run = node.need("run")
    found = run.one_member(*KINDS, beside=_BESIDE)
    if found is not None:
        kind, process = found
        refusals.refuse(process, f"run.{kind}")
    return Refused()
