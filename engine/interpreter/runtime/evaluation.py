"""Expressions, templates and schemas of a walk, within what one workflow task may use up."""

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
from engine.language.size_limits import DATA_BYTES_MAX, HELD_BYTES_MAX, Measure


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """What evaluates, by the world's clock and at the walk's pace."""

    environment: Environment
    budget: Budget
    measure: Measure = field(default_factory=Measure)

    def evaluate(self, asked: Program, data: Any, scope: Scope) -> Any:
        """Evaluate one expression, within what a workflow task may use up.

        :raises FaultError: of kind expression, when it fails.
        :raises ExhaustedError: when it breaks its budget.
        """
        try:
            found = jq.evaluate(
                asked, data, variables=scope.variables, now=self.environment.now().timestamp()
            )
        except pool.ProgramError as error:
            raise fault("expression", str(error)) from None
        except pool.BrokenError as error:
            raise ExhaustedError(str(error)) from None
        self.budget.spend(found)
        return found.value

    def fill(self, template: Any, data: Any, scope: Scope, *, most: int = DATA_BYTES_MAX) -> Any:
        """Evaluate every expression of a template on the same data."""
        return self.bound(fill(template, lambda asked: self.evaluate(asked, data, scope)), most)

    def bound(self, value: Any, most: int = DATA_BYTES_MAX) -> Any:
        """Return the value if it is within the limits.

        :raises FaultError: of kind runtime, when it is larger or deeper.
        """
        before = self.measure.looked_at
        try:
            self.measure.size(value, most)
        finally:
            self.budget.weigh((self.measure.looked_at - before) * WEIGHT_PER_VALUE)
        return value

    def bound_held(self, values: Iterable[Any]) -> None:
        """Let what the walk keeps be no more than it may be.

        :raises ExhaustedError: when it is more.
        """
        if not self.budget.weighed:
            return
        before = self.measure.looked_at
        try:
            self.measure.together(values)
        except FaultError:
            limit = f"{HELD_BYTES_MAX} bytes (executionDataBytes)"
            raise ExhaustedError(
                f"all data of the execution together is more than {limit}"
            ) from None
        self.budget.weigh((self.measure.looked_at - before) * WEIGHT_PER_VALUE)

    def holds(self, condition: Program, data: Any, scope: Scope) -> bool:
        """Tell whether a condition is true, as jq has it: anything but false and null."""
        return self.evaluate(condition, data, scope) not in (None, False)

    def seconds(self, duration: float | Program, data: Any, scope: Scope) -> float:
        """Return a duration's length in seconds, once its expression is evaluated where it is one.

        :raises FaultError: of kind expression, when the result is no duration.
        """
        if not isinstance(duration, Program):
            return duration
        try:
            return durations.seconds(self.evaluate(duration, data, scope))
        except ValueError as error:
            raise fault("expression", str(error)) from None
