"""`try`: steps whose errors are caught, tried again, or handled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from engine.expressions.jq import Program
from engine.interpreter.constructs import retry_policy
from engine.interpreter.constructs.for_task import read_variable
from engine.interpreter.constructs.retry_policy import Retry
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.errors import FaultError, ProblemDetails, is_same_type
from engine.language.model import Task, TaskResult
from engine.language.reader import DocumentNode

KEYS = ("try", "catch")
_FILTER = ("type", "status", "title", "detail", "instance")


@dataclass(frozen=True, slots=True)
class Try:
    """What to try, which errors to catch, and what to do then."""

    resumes: ClassVar = True
    tasks: Sequence[Task]
    filter: dict[str, Any]
    variable: str
    when: Program | None
    except_when: Program | None
    retry: Retry | None
    handler: Sequence[Task] | None
    then: str | None

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Give what the steps give, or the handler; without a handler a caught error leaves the data."""
        state = scope.frame.state
        state.setdefault("begun", interpreter.environment.now().timestamp())
        while True:
            if "caught" not in state:
                try:
                    return TaskResult(await self._tried(interpreter, data, scope))
                except FaultError as error:
                    self._judge(error, interpreter, data, scope)
                if "until" in state or self.handler is not None or self.retry is None:
                    scope.frame.children.pop("try", None)
                await interpreter.quiescence.safe_point(scope.frame)
            within = scope.with_variables(**{self.variable: state["caught"]})
            if "until" not in state:
                return await self._handled(interpreter, data, within)
            await interpreter.sleep_until(state["until"], scope)
            interpreter.lifecycle_events.emit_retried(scope.task)
            del state["caught"], state["until"]

    async def _tried(self, interpreter: Interpreter, data: Any, scope: Scope) -> Any:
        with scope.frame.child("try") as frame:
            within = replace(scope, frame=frame, attempt=scope.frame.state.get("retries", 0) + 1)
            limit = self.retry.try_duration if self.retry else None
            return await interpreter.run_within(
                limit, interpreter.run_tasks(self.tasks, data, within), data, within
            )

    def _judge(self, error: FaultError, interpreter: Interpreter, data: Any, scope: Scope) -> None:
        """Keep what was caught, and until when to wait when it is to be tried again.

        :raises FaultError: the same, when it is not caught.
        """
        state, caught = scope.frame.state, error.problem.to_json()
        within = scope.with_variables(**{self.variable: caught})
        if not self._catches(error.problem, interpreter, data, within):
            raise error
        retry = state.get("retries", 0) + 1
        if self.retry is not None and self._again(self.retry, retry, interpreter, data, within):
            now = interpreter.environment.now().timestamp()
            state |= {
                "retries": retry,
                "until": now + self._pause(self.retry, retry, interpreter, data, within),
            }
            interpreter.timeline.record_retry(scope.task, retry + 1, error.problem)
        state["caught"] = caught

    def _catches(
        self, problem: ProblemDetails, interpreter: Interpreter, data: Any, scope: Scope
    ) -> bool:
        shown = problem.to_json()
        for name, wanted in self.filter.items():
            value = interpreter.fill(wanted, data, scope)
            same = (
                is_same_type(str(value), problem.type)
                if name == "type"
                else value == shown.get(name)
            )
            if not same:
                return False
        return _admits(self.when, self.except_when, interpreter, data, scope)

    def _again(
        self, policy: Retry, retry: int, interpreter: Interpreter, data: Any, scope: Scope
    ) -> bool:
        if retry > (retry_policy.COUNT_MAX if policy.count is None else policy.count):
            return False
        if policy.duration is not None:
            limit = interpreter.seconds(policy.duration, data, scope)
            if interpreter.environment.now().timestamp() - scope.frame.state["begun"] >= limit:
                return False
        return _admits(policy.when, policy.except_when, interpreter, data, scope)

    def _pause(
        self, policy: Retry, retry: int, interpreter: Interpreter, data: Any, scope: Scope
    ) -> float:
        """Return how long to wait before the retry, in seconds."""

        def length(duration: float | Program) -> float:
            return interpreter.seconds(duration, data, scope)

        seconds = length(policy.delay) * policy.factor(retry)
        if policy.jitter is not None:
            seconds += interpreter.environment.random_between(
                length(policy.jitter[0]), length(policy.jitter[1])
            )
        return seconds

    async def _handled(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        if self.handler is not None:
            return TaskResult(
                await interpreter.run_tasks(self.handler, data, scope, part="catch"), self.then
            )
        if self.retry is not None:
            raise FaultError(ProblemDetails(**scope.frame.state["caught"]))
        return TaskResult(data, self.then)


def read(node: DocumentNode) -> Try:
    """Read the step's own keys."""
    catch = node.require("catch").allow_only(
        "errors", "as", "when", "exceptWhen", "retry", "do", "then"
    )
    variable = read_variable(catch, "as", "error")
    within = catch.with_variables(variable)
    when, except_when, retry = within.get("when"), within.get("exceptWhen"), within.get("retry")
    handler, then, below = within.get("do"), catch.get("then"), node.require("try")
    return Try(
        tasks=below.read_tasks(below),
        filter=_read_filter(within),
        variable=variable,
        when=when.program() if when else None,
        except_when=except_when.program() if except_when else None,
        retry=retry_policy.read(retry) if retry else None,
        handler=handler.read_tasks(handler) if handler else None,
        then=then.text() if then else None,
    )


def _read_filter(catch: DocumentNode) -> dict[str, Any]:
    errors = catch.get("errors")
    wanted = errors.allow_only("with").get("with") if errors else None
    if wanted is None:
        return {}
    return {
        name: wanted.child(name, value, is_known=name in _FILTER).template()
        for name, value in wanted.allow_only(*_FILTER).members().items()
    }


def _admits(
    when: Program | None,
    except_when: Program | None,
    interpreter: Interpreter,
    data: Any,
    scope: Scope,
) -> bool:
    if when is not None and not interpreter.is_true(when, data, scope):
        return False
    return except_when is None or not interpreter.is_true(except_when, data, scope)
