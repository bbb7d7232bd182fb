"""`fork`: concurrent branches; all outputs, or the first success."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from temporalio import workflow

from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.errors import FaultError, ProblemDetails
from engine.language.model import Task, TaskResult

KEYS = ("fork",)
BRANCHES_MAX = 64


@dataclass(frozen=True, slots=True)
class Fork:
    """Concurrent branches, each one task."""

    resumes: ClassVar = True
    branches: Sequence[Task]
    compete: bool

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return all outputs in declared order; with `compete`, the output of the first success."""
        running = [
            asyncio.create_task(self._run_branch(interpreter, index, data, scope))
            for index in range(len(self.branches))
        ]
        try:
            with interpreter.quiescence.idle(scope.frame):
                output = await (_first_success(running) if self.compete else _all(running))
        # Not GeneratorExit, with which the worker evicts a workflow: then nothing can be awaited.
        except (Exception, asyncio.CancelledError):
            await _cancel_all(running)
            raise
        await _cancel_all(running)
        return TaskResult(output)

    async def _run_branch(
        self, interpreter: Interpreter, index: int, data: Any, scope: Scope
    ) -> Any:
        """Run one branch, unless it ended in an earlier run; the frame stores how it ended."""
        outcome = scope.frame.state.setdefault(str(index), {})
        if "problem" in outcome:
            raise FaultError(ProblemDetails(**outcome["problem"]))
        with interpreter.quiescence.strand(scope.frame), scope.frame.child(str(index)) as frame:
            if "output" not in outcome:
                try:
                    result = await interpreter.run_task(
                        self.branches[index], data, replace(scope, frame=frame)
                    )
                    outcome["output"] = result.output
                except FaultError as error:
                    outcome["problem"] = error.problem.to_json()
                    raise
            return outcome["output"]


async def _cancel_all(running: Sequence[asyncio.Task[Any]]) -> None:
    for branch in running:
        branch.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _all(running: Sequence[asyncio.Task[Any]]) -> list[Any]:
    """Return all results.

    :raises FaultError: the first error, at once.
    """
    await workflow.wait(running, return_when=asyncio.FIRST_EXCEPTION)
    for branch in running:
        if branch.done() and (error := branch.exception()) is not None:
            raise error
    return [branch.result() for branch in running]


async def _first_success(running: Sequence[asyncio.Task[Any]]) -> Any:
    """Return the first result.

    :raises FaultError: when every branch fails: the error of the first in declared order.
    """
    pending = list(running)
    while pending:
        complete, pending = await workflow.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for branch in complete:
            error = branch.exception()
            if error is None:
                return branch.result()
            if not isinstance(error, FaultError):
                raise error
    return running[0].result()


def read(node: DocumentNode) -> Fork:
    """Read the task's own keys."""
    fork = node.require("fork").allow_only("branches", "compete")
    compete = fork.get("compete")
    if compete is not None and not isinstance(compete.value, bool):
        compete.add_fault("must be true or false")
    member = fork.require("branches")
    branches = member.read_tasks(member)
    if len(branches) > BRANCHES_MAX:
        member.add_fault(f"a fork may have at most {BRANCHES_MAX} branches (forkBranches)")
    return Fork(branches, compete is not None and compete.value is True)
