"""`try`: steps whose errors are caught, tried again, or handled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from engine.interpreter import durations, retries
from engine.interpreter.definition import Outcome, Step
from engine.interpreter.expressions.programs import Program
from engine.interpreter.faults import FaultError, Problem, fault, same_type
from engine.interpreter.node import Node
from engine.interpreter.retries import Retry
from engine.interpreter.steps.loop import read_variable
from engine.interpreter.walk import Scope, Walk

KEYS = ("try", "catch")
_FILTER = ("type", "status", "title", "detail", "instance")


@dataclass(frozen=True, slots=True)
class Try:
    """What to try, which errors to catch, and what to do then."""

    steps: Sequence[Step]
    filter: dict[str, Any]
    variable: str
    when: Program | None
    except_when: Program | None
    retry: Retry | None
    handler: Sequence[Step] | None
    then: str | None

    async def run(self, walk: Walk, data: Any, scope: Scope) -> Outcome:
        """Give what the steps give, or the handler; without a handler a caught error leaves the data."""
        begun = walk.world.now()
        retry = 0
        while True:
            try:
                return Outcome(await self._tried(walk, data, scope))
            except FaultError as error:
                within = scope.knowing(**{self.variable: error.problem.shown()})
                if not self._catches(error.problem, walk, data, within):
                    raise
                retry += 1
                elapsed = walk.world.now() - begun
                if self.retry is None or not self._again(self.retry, retry, elapsed, walk, data, within):
                    return await self._handled(error, walk, data, within)
            await self._pause(self.retry, retry, walk, data, within)
            walk.herald.retried(scope.step)

    async def _tried(self, walk: Walk, data: Any, scope: Scope) -> Any:
        steps = walk.list(self.steps, data, scope)
        if self.retry is None or self.retry.try_duration is None:
            return await steps
        limit = durations.evaluated(self.retry.try_duration, lambda asked: walk.evaluate(asked, data, scope))
        try:
            return await asyncio.wait_for(steps, limit)
        except TimeoutError:
            raise fault("timeout", f"a try took longer than {limit:g} s") from None

    def _catches(self, problem: Problem, walk: Walk, data: Any, scope: Scope) -> bool:
        shown = problem.shown()
        for name, wanted in self.filter.items():
            value = walk.fill(wanted, data, scope)
            same = same_type(str(value), problem.type) if name == "type" else value == shown.get(name)
            if not same:
                return False
        return _admits(self.when, self.except_when, walk, data, scope)

    def _again(
        self, policy: Retry, retry: int, elapsed: timedelta, walk: Walk, data: Any, scope: Scope
    ) -> bool:
        if retry > (retries.COUNT_MAX if policy.count is None else policy.count):
            return False
        if policy.duration is not None:
            limit = durations.evaluated(policy.duration, lambda asked: walk.evaluate(asked, data, scope))
            if elapsed.total_seconds() >= limit:
                return False
        return _admits(policy.when, policy.except_when, walk, data, scope)

    async def _pause(self, policy: Retry, retry: int, walk: Walk, data: Any, scope: Scope) -> None:
        def length(duration: float | Program) -> float:
            return durations.evaluated(duration, lambda asked: walk.evaluate(asked, data, scope))

        seconds = length(policy.delay) * policy.factor(retry)
        if policy.jitter is not None:
            seconds += walk.world.random_between(length(policy.jitter[0]), length(policy.jitter[1]))
        if seconds > 0:
            await walk.world.sleep(seconds, summary=scope.step.name if scope.step else "")

    async def _handled(self, error: FaultError, walk: Walk, data: Any, scope: Scope) -> Outcome:
        if self.handler is not None:
            return Outcome(await walk.list(self.handler, data, scope), self.then)
        if self.retry is not None:
            raise error
        return Outcome(data, self.then)


def read(node: Node) -> Try:
    """Read the step's own keys."""
    catch = node.need("catch").only("errors", "as", "when", "exceptWhen", "retry", "do", "then")
    variable = read_variable(catch, "as", "error")
    within = catch.knowing(variable)
    when, except_when, retry = within.get("when"), within.get("exceptWhen"), within.get("retry")
    handler, then, below = within.get("do"), catch.get("then"), node.need("try")
    return Try(
        steps=below.read_steps(below),
        filter=_read_filter(within),
        variable=variable,
        when=when.program() if when else None,
        except_when=except_when.program() if except_when else None,
        retry=retries.read(retry) if retry else None,
        handler=handler.read_steps(handler) if handler else None,
        then=then.text() if then else None,
    )


def _read_filter(catch: Node) -> dict[str, Any]:
    errors = catch.get("errors")
    wanted = errors.only("with").get("with") if errors else None
    if wanted is None:
        return {}
    return {
        name: wanted.at(name, value, known=name in _FILTER).template()
        for name, value in wanted.only(*_FILTER).members().items()
    }


def _admits(when: Program | None, except_when: Program | None, walk: Walk, data: Any, scope: Scope) -> bool:
    if when is not None and not walk.holds(when, data, scope):
        return False
    return except_when is None or not walk.holds(except_when, data, scope)
