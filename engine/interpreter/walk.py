"""One run of a definition: its state in one object, and the way data flows through its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from engine.interpreter import durations, schemas
from engine.interpreter.definition import CONTINUE, END, EXIT, Definition, Outcome, Shaping, Step
from engine.interpreter.expressions import pool, programs
from engine.interpreter.expressions.programs import Program
from engine.interpreter.expressions.templates import fill
from engine.interpreter.faults import ExhaustedError, FaultError, fault
from engine.interpreter.inbox import Inbox
from engine.interpreter.lifecycle import Herald, Subject
from engine.interpreter.post import Post
from engine.interpreter.sizes import bound
from engine.interpreter.world import World, moment

STEPS_WALKED_MAX = 10_000
STEPS_PER_TASK = 200  # then the workflow lets Temporal have its turn: a task may not take 2 seconds
CPU_SECONDS_PER_TASK = 0.75
ASKED_PER_TASK = 50  # expressions of event filters: however many events come at once

T = TypeVar("T")

RUNTIME = {"name": "cloud-api", "version": "1", "metadata": {}}


class EndedError(Exception):
    """Not an error: `then: end` on its way up, past every surrounding step."""

    def __init__(self, output: Any) -> None:
        super().__init__("end")
        self.output = output


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions see beside their input: the step's own view."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    step: Step | None = None

    def knowing(self, **more: Any) -> Scope:
        """Return the scope with more variables."""
        return replace(self, variables={**self.variables, **more})


@dataclass(slots=True)
class Walk:
    """All state of a run."""

    definition: Definition
    execution_id: str
    raw_input: Any
    world: World
    context: Any = None
    steps_walked: int = 0
    calls: int = 0
    trail: list[str] = field(default_factory=list)
    heard: frozenset[str] = frozenset()  # lifecycle events that somebody listens for
    inbox: Inbox = field(default_factory=Inbox)
    asked: int = 0
    post: Post = field(init=False)
    herald: Herald = field(init=False)
    _mark: int = -1
    _cpu_seconds: float = 0.0
    _started_at: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make what leaves the walk."""
        subject = Subject.of(self.definition.source, self.execution_id)
        self.post = Post(self.world)
        self.herald = Herald(subject, self.heard, self.post, self.world)

    async def through(self, data: Any) -> Any:
        """Walk the whole definition on the raw input and return its output.

        :raises FaultError: when a step fails and nothing catches it.
        :raises ExhaustedError: when a limit is broken.
        """
        self._started_at = moment(self.world.now())
        scope = Scope({"runtime": RUNTIME, "workflow": self._described()})
        shaped = self.shape_in(self.definition.input, data, scope)
        self.context = shaped
        output = await self._in_time(self.definition.timeout, self._until_end(shaped, scope), shaped, scope)
        return self.shape_out(self.definition.output, output, scope.knowing(context=self.context))

    async def list(self, steps: Sequence[Step], data: Any, scope: Scope) -> Any:
        """Walk the steps of one list in declared order, or as their `then` says; return the last's output."""
        at = 0
        while at < len(steps):
            outcome = await self.perform(steps[at], data, scope)
            data = outcome.output
            if outcome.then == END:
                raise EndedError(data)
            if outcome.then == EXIT:
                return data
            at = at + 1 if outcome.then in (None, CONTINUE) else _position(steps, outcome.then)
        return data

    async def perform(self, step: Step, raw: Any, outer: Scope) -> Outcome:
        """Run one step: condition, input, work, output, export, in the specification's order."""
        await self._count()
        try:
            return await self._performed(step, raw, outer)
        except FaultError as error:
            placed = _placed(error, step.pointer)
            self.herald.faulted(step, placed.problem)
            raise placed from None
        except EndedError:
            self.herald.completed(step)
            raise
        except asyncio.CancelledError:
            self.herald.cancelled(step)
            raise

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

    async def call(self, name: str, argument: Any, *, answer: type, seconds: float, scope: Scope) -> Any:
        """Run an activity for the step of the scope and return its answer.

        :raises FaultError: when it failed.
        """
        self.calls += 1
        return await self.world.call(
            name, argument, answer=answer, step=scope.step, number=self.calls, seconds=seconds
        )

    async def look(self) -> None:
        """Let Temporal have its turn when looking at events has taken many expressions."""
        if self.asked >= ASKED_PER_TASK:
            self.asked = 0
            await self.world.sleep(0.001, summary="turn")

    async def _performed(self, step: Step, raw: Any, outer: Scope) -> Outcome:
        task = {
            "name": step.name,
            "reference": step.pointer,
            "definition": step.source,
            "input": raw,
            "startedAt": moment(self.world.now()),
        }
        scope = replace(outer.knowing(context=self.context, task=task), step=step)
        if step.condition is not None and not self.holds(step.condition, raw, scope):
            return Outcome(raw)
        self.trail.append(step.name)
        self.herald.began(step)
        data = self.shape_in(step.input, raw, scope)
        scope = scope.knowing(input=data)
        done = await self._in_time(step.timeout, step.kind.run(self, data, scope), data, scope)
        bound(done.output)
        scope = scope.knowing(context=self.context, task={**task, "output": done.output})
        output = self.shape_out(step.output, done.output, scope)
        if step.export.template is not None:
            self.context = self.shape_out(step.export, output, scope.knowing(output=output))
        self.herald.completed(step)
        return Outcome(output, done.then or step.then)

    async def _until_end(self, data: Any, scope: Scope) -> Any:
        try:
            return await self.list(self.definition.steps, data, scope)
        except EndedError as ended:
            return ended.output

    async def _in_time(
        self, limited: float | Program | None, work: Coroutine[Any, Any, T], data: Any, scope: Scope
    ) -> T:
        if limited is None:
            return await work
        try:
            limit = durations.evaluated(limited, lambda asked: self.evaluate(asked, data, scope))
            return await asyncio.wait_for(work, limit)
        except TimeoutError:
            raise fault("timeout", f"it took longer than {limit:g} s") from None
        finally:
            work.close()

    async def _count(self) -> None:
        self.steps_walked += 1
        if self.steps_walked > STEPS_WALKED_MAX:
            raise ExhaustedError(f"more than {STEPS_WALKED_MAX} steps were walked")
        if self.steps_walked % STEPS_PER_TASK == 0:
            await self.world.sleep(0.001, summary="turn")

    def _spend(self, cpu_seconds: float) -> None:
        mark = self.world.task_mark()
        if mark != self._mark:
            self._mark, self._cpu_seconds = mark, 0.0
        self._cpu_seconds += cpu_seconds
        if self._cpu_seconds > CPU_SECONDS_PER_TASK:
            raise ExhaustedError("the expressions used more time than they may without a pause")

    def _described(self) -> dict[str, Any]:
        return {
            "id": self.execution_id,
            "definition": self.definition.source,
            "input": self.raw_input,
            "startedAt": self._started_at,
        }


def _position(steps: Sequence[Step], name: str) -> int:
    return next(index for index, step in enumerate(steps) if step.name == name)


def _placed(error: FaultError, pointer: str) -> FaultError:
    """Say where: the innermost step that failed, unless the error itself says."""
    if error.problem.instance is not None:
        return error
    return FaultError(replace(error.problem, instance=pointer))
