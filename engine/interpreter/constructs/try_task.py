"""`try`: tasks whose errors are caught, retried or handled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from engine.expressions.jq import Program
from engine.interpreter.constructs import retry_policy
from engine.interpreter.constructs.for_task import read_variable
from engine.interpreter.constructs.retry_policy import RetryPolicy
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language.document_node import DocumentNode
from engine.language.errors import FaultError, ProblemDetails, is_same_type
from engine.language.model import Task, TaskResult

KEYS = ("try", "catch")
_FILTER = ("type", "status", "title", "detail", "instance")


@dataclass(frozen=True, slots=True)
class Try:
    """Tasks, the errors to catch, and the policy and handler for them."""

    resumes: ClassVar = True
    tasks: Sequence[Task]
    filter: dict[str, Any]
    variable: str
    when: Program | None
    except_when: Program | None
    retry: RetryPolicy | None
    handler: Sequence[Task] | None
    then: str | None

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the output of the tasks or of the handler; with neither, the input."""
        state = scope.frame.state
        state.setdefault("begun", interpreter.environment.now().timestamp())
        while True:
            if "caught" not in state:
                try:
                    return TaskResult(await self._run_tasks(interpreter, data, scope))
                except FaultError as error:
                    self._catch(error, interpreter, data, scope)
                if "until" in state or self.handler is not None or self.retry is None:
                    scope.frame.children.pop("try", None)
                await interpreter.quiescence.safe_point(scope.frame)
            within = scope.with_variables(**{self.variable: state["caught"]})
            if "until" not in state:
                return await self._handle(interpreter, data, within)
            await interpreter.sleep_until(state["until"], scope)
            interpreter.lifecycle_events.emit_retried(scope.task)
            del state["caught"], state["until"]

    async def _run_tasks(self, interpreter: Interpreter, data: Any, scope: Scope) -> Any:
        with scope.frame.child("try") as frame:
            within = replace(scope, frame=frame, attempt=scope.frame.state.get("retries", 0) + 1)
            limit = self.retry.try_duration if self.retry else None
            return await interpreter.run_within(
                limit, interpreter.run_tasks(self.tasks, data, within), data, within
            )

    def _catch(self, error: FaultError, interpreter: Interpreter, data: Any, scope: Scope) -> None:
        """Store the error, and the time of the retry if the policy allows one.

        :raises FaultError: the same error, when no condition catches it.
        """
        state, problem = scope.frame.state, error.problem.to_json()
        within = scope.with_variables(**{self.variable: problem})
        if not self._catches(error.problem, interpreter, data, within):
            raise error
        retry = state.get("retries", 0) + 1
        if self.retry is not None and self._may_retry(self.retry, retry, interpreter, data, within):
            now = interpreter.environment.now().timestamp()
            state |= {
                "retries": retry,
                "until": now + self._delay(self.retry, retry, interpreter, data, within),
            }
            interpreter.timeline.record_retry(scope.task, retry + 1, error.problem)
        state["caught"] = problem

    def _catches(
        self, problem: ProblemDetails, interpreter: Interpreter, data: Any, scope: Scope
    ) -> bool:
        members = problem.to_json()
        for name, template in self.filter.items():
            value = interpreter.fill(template, data, scope)
            is_equal = (
                is_same_type(str(value), problem.type)
                if name == "type"
                else value == members.get(name)
            )
            if not is_equal:
                return False
        return _meets(self.when, self.except_when, interpreter, data, scope)

    def _may_retry(
        self, policy: RetryPolicy, retry: int, interpreter: Interpreter, data: Any, scope: Scope
    ) -> bool:
        if retry > (retry_policy.COUNT_MAX if policy.count is None else policy.count):
            return False
        if policy.duration is not None:
            limit = interpreter.seconds(policy.duration, data, scope)
            if interpreter.environment.now().timestamp() - scope.frame.state["begun"] >= limit:
                return False
        return _meets(policy.when, policy.except_when, interpreter, data, scope)

    def _delay(
        self, policy: RetryPolicy, retry: int, interpreter: Interpreter, data: Any, scope: Scope
    ) -> float:
        """Return the seconds to wait before the retry."""

        def to_seconds(duration: float | Program) -> float:
            return interpreter.seconds(duration, data, scope)

        seconds = to_seconds(policy.delay) * policy.factor(retry)
        if policy.jitter is not None:
            seconds += interpreter.environment.random_between(
                to_seconds(policy.jitter[0]), to_seconds(policy.jitter[1])
            )
        return seconds

    async def _handle(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        if self.handler is not None:
            return TaskResult(
                await interpreter.run_tasks(self.handler, data, scope, part="catch"), self.then
            )
        if self.retry is not None:
            raise FaultError(ProblemDetails(**scope.frame.state["caught"]))
        return TaskResult(data, self.then)


def read(node: DocumentNode) -> Try:
    """Read the task's own keys."""
    catch = node.require("catch").allow_only(
        "errors", "as", "when", "exceptWhen", "retry", "do", "then"
    )
    variable = read_variable(catch, "as", "error")
    within = catch.with_variables(variable)
    when, except_when, retry = within.get("when"), within.get("exceptWhen"), within.get("retry")
    handler, then, tasks = within.get("do"), catch.get("then"), node.require("try")
    return Try(
        tasks=tasks.read_tasks(tasks),
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
    members = errors.allow_only("with").get("with") if errors else None
    if members is None:
        return {}
    return {
        name: members.child(name, value, is_known=name in _FILTER).template()
        for name, value in members.allow_only(*_FILTER).members().items()
    }


def _meets(
    when: Program | None,
    except_when: Program | None,
    interpreter: Interpreter,
    data: Any,
    scope: Scope,
) -> bool:
    if when is not None and not interpreter.is_true(when, data, scope):
        return False
    return except_when is None or not interpreter.is_true(except_when, data, scope)
