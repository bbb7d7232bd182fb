"""One run of a definition: its state in one object, and the way data flows through its steps.

Where it stands is in its frames at every safe point (`frames`), so that a new run can go on from there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from engine.interpreter import data_flow, durations
from engine.interpreter.definition import CONTINUE, END, EXIT, Definition, Outcome, Step
from engine.interpreter.evaluation import Evaluation
from engine.interpreter.expressions.programs import Program
from engine.interpreter.faults import ExhaustedError, FaultError, fault
from engine.interpreter.frames import Frame
from engine.interpreter.holding import Hold
from engine.interpreter.inbox import Inbox
from engine.interpreter.journal import Scribe, kind_of
from engine.interpreter.lifecycle import Herald, Subject
from engine.interpreter.post import Post
from engine.interpreter.redaction import Redaction
from engine.interpreter.rests import Rests
from engine.interpreter.scope import EndedError, Scope
from engine.interpreter.sizes import CONTEXT_BYTES_MAX
from engine.interpreter.world import RUNTIME, moment

__all__ = ["Scope", "Walk"]

TRAIL_MAX = 1_000

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Walk(Evaluation):
    """All state of a run."""

    definition: Definition
    execution_id: str
    raw_input: Any
    rests: Rests
    account_id: str = ""
    run_depth: int = 0
    secrets: dict[str, Any] = field(default_factory=dict)
    interpreter: int = 1
    context: Any = None
    calls: int = 0
    trail: list[str] = field(default_factory=list)
    under_way: Counter[str] = field(default_factory=Counter)  # steps, by pointer
    fetched: dict[str, Any] = field(default_factory=dict)  # functions of catalogs, by address
    understood: dict[str, Step] = field(default_factory=dict)  # the same, read in this run
    started_at: dict[str, Any] = field(default_factory=dict)
    frame: Frame = field(default_factory=Frame)
    heard: frozenset[str] = frozenset()  # lifecycle events that somebody listens for
    inbox: Inbox = field(default_factory=Inbox)
    hold: Hold = field(default_factory=Hold)
    post: Post = field(init=False)
    herald: Herald = field(init=False)
    scribe: Scribe = field(init=False)
    redaction: Redaction = field(init=False)

    def __post_init__(self) -> None:
        """Make what leaves the walk, and what watches over it."""
        subject = Subject.of(self.definition.source, self.execution_id)
        self.post = Post(self.world)
        self.redaction = Redaction(self.secrets, self.pace)
        self.herald = Herald(subject, self.heard, self.post, self.world)
        self.scribe = Scribe(self.account_id, self.execution_id, self.world)

    async def through(self, data: Any) -> Any:
        """Walk the whole definition on the raw input, from where its frames stand, and return its output.

        :raises FaultError: when a step fails and nothing catches it.
        :raises ExhaustedError: when a limit is broken.
        """
        try:
            return await self._through(data)
        except FaultError as error:
            raise self.redaction.hidden(error) from None

    async def _through(self, data: Any) -> Any:
        kept = self.frame.kept
        self.started_at = self.started_at or moment(self.world.now())
        known = {"runtime": RUNTIME, "workflow": self._described(), "secrets": self.secrets}
        scope = Scope(known | {"authorization": None}, frame=self.frame)
        if "data" not in kept:
            kept["data"] = self.context = await data_flow.take(self, self.definition.input, data, scope)
        work = self._until_end(kept["data"], scope)
        output = await self.in_time(self.definition.timeout, work, kept["data"], scope)
        return await data_flow.give(self, self.definition.output, output, scope.knowing(context=self.context))

    async def list(self, steps: Sequence[Step], data: Any, scope: Scope, *, part: str = "do") -> Any:
        """Walk the steps of one list in declared order, or as their `then` says; return the last's output.

        `part` tells apart the lists of one step: each has a frame of its own.
        """
        with scope.frame.part(part) as frame:
            at, data = frame.kept.get("at", 0), frame.kept.get("data", data)
            while at < len(steps):
                frame.kept |= {"at": at, "data": data}
                outcome = await self.perform(steps[at], data, replace(scope, frame=frame))
                data = outcome.output
                if outcome.then == END:
                    raise EndedError(data)
                if outcome.then == EXIT:
                    scope.frame.kept["exited"] = part
                    return data
                on = outcome.then in (None, CONTINUE)
                at = at + 1 if on else [step.name for step in steps].index(str(outcome.then))
                if at < len(steps):
                    frame.kept |= {"at": at, "data": data}
                    await self.rests.safe_point(frame)
            return data

    async def perform(self, step: Step, raw: Any, outer: Scope) -> Outcome:
        """Run one step: condition, input, work, output, export, in the specification's order."""
        with outer.frame.part("step") as frame:
            if not frame.kept:
                await self.hold.passed(outer.frame, self.rests, self.world, self.scribe)
                if await self.pace.step():
                    self.bound_held((self.context, *self.frame.values()))
            self.under_way[step.pointer] += 1
            try:
                return await self._performed(step, raw, outer, frame)
            except FaultError as error:
                placed = self.redaction.hidden(error.placed(step.pointer))
                self.herald.faulted(step, placed.problem)
                self.scribe.failed(step, outer.attempt, kind_of(placed.problem))
                raise placed from None
            except ExhaustedError:
                self.scribe.failed(step, outer.attempt, "runtime")
                raise
            except EndedError:
                self.herald.completed(step)
                self.scribe.completed(step, outer.attempt)
                raise
            except asyncio.CancelledError:
                self.herald.cancelled(step)
                self.scribe.cancelled(step, outer.attempt)
                raise
            finally:
                self.under_way[step.pointer] -= 1

    async def call(
        self,
        name: str,
        argument: Any,
        *,
        answer: type,
        seconds: float,
        scope: Scope,
        repeatable: bool = False,
    ) -> Any:
        """Run an activity for the step of the scope and return its answer.

        A repeatable one runs again when its worker is lost: what it does may then be done twice.

        :raises FaultError: when it failed.
        """
        self.calls += 1
        return await self.world.call(
            name,
            argument,
            answer=answer,
            step=scope.step,
            number=self.calls,
            seconds=seconds,
            repeatable=repeatable,
        )

    async def sleep_until(self, until: float, scope: Scope) -> None:
        """Wait until a time in seconds since the epoch; the walk rests meanwhile."""
        seconds = until - self.world.now().timestamp()
        if seconds > 0:
            with self.rests.idle(scope.frame):
                await self.world.sleep(seconds, summary=scope.step.name if scope.step else "")

    async def in_time(
        self, limited: float | Program | None, work: Coroutine[Any, Any, T], data: Any, scope: Scope
    ) -> T:
        """Return what the work gives within the limit, counted from when the scope's frame began it.

        :raises FaultError: of kind timeout, when it takes longer; the work is cancelled.
        """
        if limited is None:
            return await work
        kept = scope.frame.kept
        try:
            if "due" not in kept:
                kept["limit"] = durations.evaluated(limited, lambda asked: self.evaluate(asked, data, scope))
                kept["due"] = self.world.now().timestamp() + kept["limit"]
            return await asyncio.wait_for(work, kept["due"] - self.world.now().timestamp())
        except TimeoutError:
            raise fault("timeout", f"it took longer than {kept['limit']:g} s") from None
        finally:
            work.close()

    async def _performed(self, step: Step, raw: Any, outer: Scope, frame: Frame) -> Outcome:
        kept = frame.kept
        started_at = kept.setdefault("startedAt", moment(self.world.now()))
        task = {
            "name": step.name,
            "reference": step.pointer,
            "definition": step.source,
            "input": raw,
            "startedAt": started_at,
        }
        task = {**outer.extended} if outer.extended is not None else task
        scope = outer.entered(step, frame, context=self.context, task=task)
        if "data" not in kept:
            if step.condition is not None and not self.holds(step.condition, raw, scope):
                self.scribe.skipped(step, outer.attempt)
                return Outcome(raw)
            self.trail = [*self.trail[1 - TRAIL_MAX :], step.name]
            self.herald.began(step)
            self.scribe.began(step, outer.attempt)
            kept["data"] = await data_flow.take(self, step.input, raw, scope)
        else:
            self.scribe.goes_on(step, outer.attempt)
        data = kept["data"]
        scope = scope.knowing(input=data)
        pinned = not getattr(step.kind, "resumes", False)
        with frame.part("work", pinned=pinned) as own, self.rests.pinning(own):
            work = step.kind.run(self, data, replace(scope, frame=own))
            done = await self.in_time(step.timeout, work, data, scope)
        self.bound(done.output)
        if done.authorization is not None:
            scope = scope.knowing(authorization=done.authorization)
        scope = scope.knowing(context=self.context, task={**task, "output": done.output})
        output = await data_flow.give(self, step.output, done.output, scope)
        if step.export.template is not None:
            seen = scope.knowing(output=output)
            self.context = await data_flow.give(self, step.export, output, seen, most=CONTEXT_BYTES_MAX)
        self.herald.completed(step)
        self.scribe.completed(step, outer.attempt)
        return Outcome(output, done.then or step.then)

    async def _until_end(self, data: Any, scope: Scope) -> Any:
        try:
            return await self.list(self.definition.steps, data, scope)
        except EndedError as ended:
            return ended.output

    def _described(self) -> dict[str, Any]:
        given = {"definition": self.definition.source, "input": self.raw_input}
        return {"id": self.execution_id, "startedAt": self.started_at, **given}
