"""`fork`: branches side by side; all of them, or the first that succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from temporalio import workflow

from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.errors import FaultError, ProblemDetails
from engine.language.model import Task, TaskResult
from engine.language.reader import DocumentNode

KEYS = ("fork",)
BRANCHES_MAX = 64


@dataclass(frozen=True, slots=True)
class Fork:
    """One step a branch."""

    resumes: ClassVar = True
    branches: Sequence[Task]
    compete: bool

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give every branch's output in declared order, or with `compete` the first success alone."""
        running = [
            asyncio.create_task(self._branch(interpreter, index, data, scope))
            for index in range(len(self.branches))
        ]
        try:
            with interpreter.quiescence.idle(scope.frame):
                output = await (_first_success(running) if self.compete else _all(running))
        except (
            Exception,
            asyncio.CancelledError,
        ):  # not when the worker forgets it: then nothing can wait
            await _given_up(running)
            raise
        await _given_up(running)
        return TaskResult(output)

    async def _branch(self, interpreter: Interpreter, index: int, data: Any, scope: Scope) -> Any:
        """Run one branch, unless it ended in an earlier run; the frame keeps what it ended with."""
        ended = scope.frame.state.setdefault(str(index), {})
        if "problem" in ended:
            raise FaultError(ProblemDetails(**ended["problem"]))
        with interpreter.quiescence.strand(scope.frame), scope.frame.child(str(index)) as frame:
            if "output" not in ended:
                try:
                    result = await interpreter.run_task(
                        self.branches[index], data, replace(scope, frame=frame)
                    )
                    ended["output"] = result.output
                except FaultError as error:
                    ended["problem"] = error.problem.to_json()
                    raise
            return ended["output"]


async def _given_up(running: Sequence[asyncio.Task[Any]]) -> None:
    for branch in running:
        branch.cancel()
    await asyncio.gather(*running, return_exceptions=True)


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


def read(node: DocumentNode) -> Fork:
    """Read the step's own keys."""
    fork = node.require("fork").allow_only("branches", "compete")
    compete = fork.get("compete")
    if compete is not None and not isinstance(compete.value, bool):
        compete.add_fault("must be true or false")
    below = fork.require("branches")
    branches = below.read_tasks(below)
    if len(branches) > BRANCHES_MAX:
        below.add_fault(f"a fork may have at most {BRANCHES_MAX} branches (forkBranches)")
    return Fork(branches, compete is not None and compete.value is True)
