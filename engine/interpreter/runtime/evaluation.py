"""Evaluation of expressions, templates and durations, within the budget of an execution."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.expressions import jq
from engine.expressions.jq import Program
from engine.expressions.sandbox import pool
from engine.expressions.templates import fill
from engine.interpreter.runtime.budget import WEIGHT_PER_VALUE, Budget
from engine.interpreter.runtime.environment import Environment
from engine.interpreter.runtime.scope import Scope
from engine.language import durations
from engine.language.errors import ExhaustedError, FaultError, fault
from engine.language.size_limits import DATA_BYTES_MAX, HELD_BYTES_MAX, SizeMeter


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """Evaluator of an execution: it uses the environment's time and the execution's budget."""

    environment: Environment
    budget: Budget
    size_meter: SizeMeter = field(default_factory=SizeMeter)

    def evaluate(self, program: Program, data: Any, scope: Scope) -> Any:
        """Evaluate one expression.

        :raises FaultError: of kind expression, when the expression fails.
        :raises ExhaustedError: when the expression exceeds its budget, or the workflow task's.
        """
        try:
            answer = jq.evaluate(
                program,
                data,
                variables=scope.variables,
                now=self.environment.now().timestamp(),
            )
        except pool.ProgramError as error:
            raise fault("expression", str(error)) from None
        except pool.BrokenError as error:
            raise ExhaustedError(str(error)) from None
        self.budget.spend(answer)
        return answer.value

    def fill(self, template: Any, data: Any, scope: Scope, *, most: int = DATA_BYTES_MAX) -> Any:
        """Evaluate every expression of a template on the same data; `most` is in bytes.

        :raises FaultError: of kind expression, when one fails; of kind runtime, when the result is
            larger than `most` or nested too deeply.
        """
        result = fill(template, lambda program: self.evaluate(program, data, scope))
        return self.check_size(result, most)

    def check_size(self, value: Any, most: int = DATA_BYTES_MAX) -> Any:
        """Return the value if it has at most `most` bytes and is not nested too deeply.

        :raises FaultError: of kind runtime, otherwise.
        """
        before = self.size_meter.visits
        try:
            self.size_meter.size(value, most)
        finally:
            self.budget.add_weight((self.size_meter.visits - before) * WEIGHT_PER_VALUE)
        return value

    def check_total_size(self, values: Iterable[Any]) -> None:
        """Check that all data of the execution together has at most HELD_BYTES_MAX bytes.

        :raises ExhaustedError: when it has more.
        """
        before = self.size_meter.visits
        try:
            self.size_meter.total_size(values)
        except FaultError:
            limit = f"{HELD_BYTES_MAX} bytes (executionDataBytes)"
            raise ExhaustedError(
                f"all data of the execution together is more than {limit}"
            ) from None
        self.budget.add_weight((self.size_meter.visits - before) * WEIGHT_PER_VALUE)

    def is_true(self, condition: Program, data: Any, scope: Scope) -> bool:
        """Return whether a condition is true as in jq: anything but false and null."""
        return self.evaluate(condition, data, scope) not in (None, False)

    def seconds(self, duration: float | Program, data: Any, scope: Scope) -> float:
        """Return the length of a duration in seconds; evaluate it first if it is an expression.

        :raises FaultError: of kind expression, when the result is no duration.
        """
        if not isinstance(duration, Program):
            return duration
        try:
            return durations.to_seconds(self.evaluate(duration, data, scope))
        except ValueError as error:
            raise fault("expression", str(error)) from None
