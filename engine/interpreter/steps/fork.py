"""`fork`: branches side by side; all of them, or the first that succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temporalio import workflow

from engine.interpreter.definition import Outcome, Step
from engine.interpreter.faults import FaultError
from engine.interpreter.node import Node
from engine.interpreter.walk import Scope, Walk

KEYS = ("fork",)
BRANCHES_MAX = 64


@dataclass(frozen=True, slots=True)
class Fork:
    """One step a branch."""

    branches: Sequence[Step]
    compete: bool

    async def run(self, walk: Walk, data: Any, scope: Scope) -> Outcome:
        """Give every branch's output in declared order, or with `compete` the first success alone."""
        running = [asyncio.create_task(self._branch(walk, branch, data, scope)) for branch in self.branches]
        try:
            if self.compete:
                return Outcome(await _first_success(running))
            return Outcome(await _all(running))
        finally:
            for branch in running:
                branch.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _branch(self, walk: Walk, branch: Step, data: Any, scope: Scope) -> Any:
        return (await walk.perform(branch, data, scope)).output


async def _all(running: Sequence[asyncio.Task[Any]]) -> list[Any]:
    """Return all results; the first error ends the wait."""
    await workflow.wait(running, return_when=asyncio.FIRST_EXCEPTION)
    for branch in running:
        if branch.done() and (error := branch.exception()) is not None:
            raise error
    return [branch.result() for branch in running]


async def _first_success(running: Sequence[asyncio.Task[Any]]) -> Any:
    """Return the first result; when every branch fails, the first error in declared order is raised."""
    pending = list(running)
    while pending:
        done, pending = await workflow.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for branch in done:
            error = branch.exception()
            if error is None:
                return branch.result()
            if not isinstance(error, FaultError):
                raise error
    return running[0].result()


def read(node: Node) -> Fork:
    """Read the step's own keys."""
    fork = node.need("fork").only("branches", "compete")
    compete = fork.get("compete")
    if compete is not None and not isinstance(compete.value, bool):
        compete.fault("must be true or false")
    below = fork.need("branches")
    branches = below.read_steps(below)
    if len(branches) > BRANCHES_MAX:
        below.fault(f"a fork may have at most {BRANCHES_MAX} branches")
    return Fork(branches, compete is not None and compete.value is True)
