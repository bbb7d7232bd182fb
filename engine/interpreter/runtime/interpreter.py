"""Interpreter of one execution: all its state, and the data flow through its tasks.

At every safe point its frames state the position, so that another run can continue from there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar, cast

from engine.expressions.jq import Program
from engine.interpreter.runtime.data_flow import DataFlow
from engine.interpreter.runtime.environment import RUNTIME, ActivityCall, date_time
from engine.interpreter.runtime.event_inbox import EventInbox
from engine.interpreter.runtime.event_outbox import EventOutbox
from engine.interpreter.runtime.frames import Frame
from engine.interpreter.runtime.lifecycle_events import LifecycleEvents
from engine.interpreter.runtime.pause import Pause
from engine.interpreter.runtime.quiescence import Quiescence
from engine.interpreter.runtime.redaction import Redaction
from engine.interpreter.runtime.scope import EndedError, Scope
from engine.interpreter.runtime.timeline import TimelineRecorder, error_kind_of
from engine.language.errors import ExhaustedError, FaultError, fault
from engine.language.lifecycle_events import Subject
from engine.language.model import (
    CONTINUE,
    END,
    EXIT,
    Task,
    TaskResult,
    WorkflowDefinition,
)
from engine.language.size_limits import CONTEXT_BYTES_MAX

TRAIL_MAX = 1_000

T = TypeVar("T")


class Construct(Protocol):
    """Construct of the language: what a task does; one implementation per keyword."""

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Do the task's work on its transformed input.

        :raises FaultError: when the task fails.
        """
        ...


@dataclass(slots=True, kw_only=True)
class Interpreter(DataFlow):
    """State of one execution, and the operations that its constructs use."""

    definition: WorkflowDefinition
    execution_id: str
    raw_input: Any
    quiescence: Quiescence
    account_id: str = ""
    run_depth: int = 0
    secrets: dict[str, Any] = field(default_factory=dict)
    context: Any = None
    calls: int = 0
    trail: list[str] = field(default_factory=list)  # names of the last TRAIL_MAX tasks that ran
    running_tasks: Counter[str] = field(default_factory=Counter)  # by pointer
    resources: dict[str, Any] = field(default_factory=dict)  # fetched documents, by address
    # Tasks that catalogs' functions describe, by address; each run reads them anew.
    catalog_functions: dict[str, Task] = field(default_factory=dict)
    started_at: dict[str, Any] = field(default_factory=dict)
    frame: Frame = field(default_factory=Frame)
    event_types: frozenset[str] = frozenset()  # of lifecycle events, with subscriptions
    event_inbox: EventInbox = field(default_factory=EventInbox)
    pause: Pause = field(default_factory=Pause)
    event_outbox: EventOutbox = field(init=False)
    lifecycle_events: LifecycleEvents = field(init=False)
    timeline: TimelineRecorder = field(init=False)
    redaction: Redaction = field(init=False)

    def __post_init__(self) -> None:
        """Create the recorder and the outboxes that need the other members."""
        subject = Subject.of(self.definition.source, self.execution_id)
        self.event_outbox = EventOutbox(self.environment)
        self.redaction = Redaction(self.secrets, self.budget)
        self.lifecycle_events = LifecycleEvents(
            subject, self.event_types, self.event_outbox, self.environment
        )
        self.timeline = TimelineRecorder(self.account_id, self.execution_id, self.environment)

    async def run(self, data: Any) -> Any:
        """Run the definition on its raw input, from the position in the frames; return the output.

        :raises FaultError: when a task fails and no `try` catches the error.
        :raises ExhaustedError: when the execution exceeds a limit.
        """
        try:
            return await self._run(data)
        except FaultError as error:
            raise self.redaction.redact_error(error) from None

    async def _run(self, data: Any) -> Any:
        state = self.frame.state
        self.started_at = self.started_at or date_time(self.environment.now())
        variables = {
            "runtime": RUNTIME,
            "workflow": self._workflow_descriptor(),
            "secrets": self.secrets,
            "authorization": None,
        }
        scope = Scope(variables, frame=self.frame)
        if "data" not in state:
            state["data"] = self.context = await self.transform_input(
                self.definition.input, data, scope
            )
        work = self._until_end(state["data"], scope)
        output = await self.run_within(self.definition.timeout, work, state["data"], scope)
        return await self.transform_output(
            self.definition.output, output, scope.with_variables(context=self.context)
        )

    async def run_tasks(
        self, tasks: Sequence[Task], data: Any, scope: Scope, *, part: str = "do"
    ) -> Any:
        """Run a list of tasks in declared order, or as their `then` states; return the last output.

        `part` distinguishes the lists of one task: each has a frame of its own.
        """
        with scope.frame.child(part) as frame:
            at, data = frame.state.get("at", 0), frame.state.get("data", data)
            while at < len(tasks):
                frame.state |= {"at": at, "data": data}
                result = await self.run_task(tasks[at], data, replace(scope, frame=frame))
                data = result.output
                if result.then == END:
                    raise EndedError(data)
                if result.then == EXIT:
                    scope.frame.state["exited"] = part
                    return data
                at = (
                    at + 1
                    if result.then in (None, CONTINUE)
                    else [task.name for task in tasks].index(str(result.then))
                )
                if at < len(tasks):
                    frame.state |= {"at": at, "data": data}
                    await self.quiescence.safe_point(frame)
            return data

    async def run_task(self, task: Task, raw: Any, outer: Scope) -> TaskResult:
        """Run one task: condition, input, work, output, export, in the specification's order."""
        with outer.frame.child("step") as frame:
            if not frame.state:
                await self.pause.wait(outer.frame, self.quiescence, self.environment, self.timeline)
                if await self.budget.count_task():
                    self.check_total_size((self.context, *self.frame.values()))
            self.running_tasks[task.pointer] += 1
            try:
                return await self._run_task(task, raw, outer, frame)
            except FaultError as error:
                fault_error = self.redaction.redact_error(error.with_instance(task.pointer))
                self.lifecycle_events.emit_faulted(task, fault_error.problem)
                self.timeline.record_failed(task, outer.attempt, error_kind_of(fault_error.problem))
                raise fault_error from None
            except ExhaustedError:
                self.timeline.record_failed(task, outer.attempt, "runtime")
                raise
            except EndedError:
                self.lifecycle_events.emit_completed(task)
                self.timeline.record_completed(task, outer.attempt)
                raise
            except asyncio.CancelledError:
                self.lifecycle_events.emit_cancelled(task)
                self.timeline.record_cancelled(task, outer.attempt)
                raise
            finally:
                self.running_tasks[task.pointer] -= 1

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
        """Run an activity for the task of the scope and return its answer.

        A repeatable activity runs again when its worker is lost; its effect may then occur twice.

        :raises FaultError: when the activity failed.
        """
        self.calls += 1
        call = ActivityCall(name, argument, answer, seconds, repeatable)
        return await self.environment.call(call, task=scope.task, number=self.calls)

    async def sleep_until(self, until: float, scope: Scope) -> None:
        """Wait until a time in seconds since the epoch; the strand is idle meanwhile."""
        seconds = until - self.environment.now().timestamp()
        if seconds > 0:
            with self.quiescence.idle(scope.frame):
                await self.environment.sleep(seconds, summary=scope.task.name if scope.task else "")

    async def run_within(
        self, limit: float | Program | None, work: Coroutine[Any, Any, T], data: Any, scope: Scope
    ) -> T:
        """Return the result of work that may take as long as the limit, if there is one.

        The time counts from the first run of the work, which the scope's frame states.

        :raises FaultError: of kind timeout, when the work takes longer; it is cancelled.
        """
        if limit is None:
            return await work
        state = scope.frame.state
        try:
            if "due" not in state:
                state["limit"] = self.seconds(limit, data, scope)
                state["due"] = self.environment.now().timestamp() + state["limit"]
            return await asyncio.wait_for(work, state["due"] - self.environment.now().timestamp())
        except TimeoutError:
            raise fault("timeout", f"it took longer than {state['limit']:g} s") from None
        finally:
            work.close()

    async def _run_task(self, task: Task, raw: Any, outer: Scope, frame: Frame) -> TaskResult:
        state = frame.state
        started_at = state.setdefault("startedAt", date_time(self.environment.now()))
        descriptor = {
            "name": task.name,
            "reference": task.pointer,
            "definition": task.source,
            "input": raw,
            "startedAt": started_at,
        }
        descriptor = {**outer.extended_task} if outer.extended_task is not None else descriptor
        scope = outer.enter(task, frame, context=self.context, task=descriptor)
        if "data" not in state:
            if task.condition is not None and not self.is_true(task.condition, raw, scope):
                self.timeline.record_skipped(task, outer.attempt)
                return TaskResult(raw)
            self.trail = [*self.trail[1 - TRAIL_MAX :], task.name]
            self.lifecycle_events.emit_started(task)
            self.timeline.record_started(task, outer.attempt)
            state["data"] = await self.transform_input(task.input, raw, scope)
        else:
            self.timeline.ensure_started(task, outer.attempt)
        data = state["data"]
        scope = scope.with_variables(input=data)
        pinned = not getattr(task.construct, "resumes", False)
        with frame.child("work", pinned=pinned) as work_frame, self.quiescence.pinning(work_frame):
            work = cast("Construct", task.construct).run(
                self, data, replace(scope, frame=work_frame)
            )
            result = await self.run_within(task.timeout, work, data, scope)
        self.check_size(result.output)
        if result.authorization is not None:
            scope = scope.with_variables(authorization=result.authorization)
        scope = scope.with_variables(
            context=self.context, task={**descriptor, "output": result.output}
        )
        output = await self.transform_output(task.output, result.output, scope)
        if task.export.template is not None:
            export_scope = scope.with_variables(output=output)
            self.context = await self.transform_output(
                task.export, output, export_scope, most=CONTEXT_BYTES_MAX
            )
        self.lifecycle_events.emit_completed(task)
        self.timeline.record_completed(task, outer.attempt)
        return TaskResult(output, result.then or task.then)

    async def _until_end(self, data: Any, scope: Scope) -> Any:
        try:
            return await self.run_tasks(self.definition.tasks, data, scope)
        except EndedError as end:
            return end.output

    def _workflow_descriptor(self) -> dict[str, Any]:
        return {
            "id": self.execution_id,
            "startedAt": self.started_at,
            "definition": self.definition.source,
            "input": self.raw_input,
        }
