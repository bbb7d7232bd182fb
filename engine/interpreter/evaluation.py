"""Expressions, templates and schemas of a walk, within what one workflow task may use up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.interpreter import schemas
from engine.interpreter.definition import Shaping
from engine.interpreter.expressions import pool, programs
from engine.interpreter.expressions.programs import Program
from engine.interpreter.expressions.templates import fill
from engine.interpreter.faults import ExhaustedError, fault
from engine.interpreter.scope import Scope
from engine.interpreter.sizes import bound
from engine.interpreter.world import World

CPU_SECONDS_PER_TASK = 0.75


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """What evaluates, and the time that has gone into it since the workflow task began."""

    world: World
    _mark: int = field(default=-1, init=False)
    _cpu_seconds: float = field(default=0.0, init=False)

    def evaluate(self, asked: Program, data: Any, scope: Scope) -> Any:
        """Evaluate one expression, within what a workflow task may use up.

        :raises FaultError: of kind expression, when it fails.
        :raises ExhaustedError: when it breaks its budget.
        """
        try:
            found = programs.evaluate(
                asked, data, variables=scope.variables, now=self.world.now().timestamp()
            )
        except pool.ProgramError as error:
            raise fault("expression", str(error)) from None
        except pool.BrokenError as error:
            raise ExhaustedError(str(error)) from None
        self._spend(found.cpu_seconds)
        return found.value

    def fill(self, template: Any, data: Any, scope: Scope) -> Any:
        """Evaluate every expression of a template on the same data."""
        return bound(fill(template, lambda asked: self.evaluate(asked, data, scope)))

    def holds(self, condition: Program, data: Any, scope: Scope) -> bool:
        """Tell whether a condition is true, as jq has it: anything but false and null."""
        return self.evaluate(condition, data, scope) not in (None, False)

    def shape_in(self, shaping: Shaping, raw: Any, scope: Scope) -> Any:
        """Validate the raw value, then transform it."""
        self._spend(schemas.validate(raw, shaping.schema))
        return raw if shaping.template is None else self.fill(shaping.template, raw, scope)

    def shape_out(self, shaping: Shaping, raw: Any, scope: Scope) -> Any:
        """Transform the raw value, then validate what it became."""
        shaped = raw if shaping.template is None else self.fill(shaping.template, raw, scope)
        self._spend(schemas.validate(shaped, shaping.schema))
        return shaped

    def _spend(self, cpu_seconds: float) -> None:
        mark = self.world.task_mark()
        if mark != self._mark:
            self._mark, self._cpu_seconds = mark, 0.0
        self._cpu_seconds += cpu_seconds
        if self._cpu_seconds > CPU_SECONDS_PER_TASK:
            raise ExhaustedError("the expressions used more time than they may without a pause")
