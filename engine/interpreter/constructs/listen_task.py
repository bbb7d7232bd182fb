"""`listen`: consumption of the account's events, one at a time, until there are enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from engine.interpreter.constructs import event_consumption
from engine.interpreter.constructs.event_consumption import ConsumptionProgress, EventConsumption
from engine.interpreter.constructs.for_task import ITERATIONS_MAX, read_variable
from engine.interpreter.constructs.transform_reader import read_transform
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import cloud_events
from engine.language.document_node import DocumentNode
from engine.language.errors import fault
from engine.language.model import Task, TaskResult, Transform
from engine.language.size_limits import DATA_BYTES_MAX

KEYS = ("listen", "foreach")
IDENTITY = Transform()


@dataclass(frozen=True, slots=True)
class Iteration:
    """Work on each event before the next (DSL reference, "Subscription Iterator").

    The tasks' input is the event; the output of the last task is the item's output. Without tasks
    the event itself is the output.
    """

    item: str = "item"
    at: str = "index"
    tasks: Sequence[Task] = ()
    output: Transform = IDENTITY
    export: Transform = IDENTITY

    async def run(self, interpreter: Interpreter, event: Any, index: int, scope: Scope) -> Any:
        """Return the item's output."""
        within = scope.with_variables(
            **{self.item: event, self.at: index}, context=interpreter.context
        )
        data = (
            await interpreter.run_tasks(self.tasks, event, within, part="foreach")
            if self.tasks
            else event
        )
        within = within.with_variables(context=interpreter.context)
        output = await interpreter.transform_output(self.output, data, within)
        if self.export.template is not None:
            interpreter.context = await interpreter.transform_output(
                self.export, output, within.with_variables(output=output)
            )
        return output


@dataclass(frozen=True, slots=True)
class Listen:
    """Consumption of events, with the work on each.

    Its frame stores the progress (`standing`) and the event at work (`event`).
    """

    resumes: ClassVar = True
    consumption: EventConsumption
    reads: str
    iteration: Iteration

    async def run(self, interpreter: Interpreter, data: Any, scope: Scope) -> TaskResult:
        """Return the outputs of the events in order, without those that an `until` consumes."""
        state = scope.frame.state
        if "standing" not in state and self.consumption.correlates:
            interpreter.lifecycle_events.emit_correlation_started()
        progress = ConsumptionProgress.from_json(state.setdefault("standing", {}))
        with interpreter.event_inbox.listener():
            while "event" in state or await self._consume_next(interpreter, data, scope, progress):
                event = cloud_events.read(state["event"], self.reads)
                output = await self.iteration.run(interpreter, event, progress.count - 1, scope)
                self._add_output(output, interpreter, scope, progress)
                state["standing"] = progress.to_json()
                del state["event"]
                await interpreter.quiescence.safe_point(scope.frame)
        if self.consumption.correlates:
            interpreter.lifecycle_events.emit_correlation_completed(progress.correlation)
        return TaskResult(progress.outputs)

    async def _consume_next(
        self, interpreter: Interpreter, data: Any, scope: Scope, progress: ConsumptionProgress
    ) -> bool:
        """Wait for the next event to consume and store it; return whether there is one."""
        state = scope.frame.state
        while True:
            event = await self.consumption.consume_next(
                interpreter, data, scope.with_variables(context=interpreter.context), progress
            )
            progress.count += event is not None
            state["standing"] = progress.to_json()
            if event is not None:
                state["event"] = event
            if event is not None or progress.over:
                return event is not None
            await interpreter.quiescence.safe_point(scope.frame)
            with interpreter.quiescence.idle(scope.frame):
                await interpreter.environment.wait_until(
                    lambda: interpreter.event_inbox.next(progress.last_number) is not None
                )

    def _add_output(
        self, output: Any, interpreter: Interpreter, scope: Scope, progress: ConsumptionProgress
    ) -> None:
        """Add an item's output and check whether the consumption is over."""
        if self.consumption.forever:
            return
        progress.size += len(orjson.dumps(output))
        if progress.size > DATA_BYTES_MAX or progress.count > ITERATIONS_MAX:
            raise fault(
                "runtime", f"a listen may consume {ITERATIONS_MAX} events, {DATA_BYTES_MAX} bytes"
            )
        progress.outputs.append(output)
        self.consumption.check_until(
            interpreter, scope.with_variables(context=interpreter.context), progress
        )


def read(node: DocumentNode) -> Listen:
    """Read the task's own keys."""
    listen = node.require("listen").allow_only("to", "read")
    reads, foreach = listen.get("read"), node.get("foreach")
    return Listen(
        consumption=event_consumption.read(listen.require("to")),
        reads=reads.one_of(*cloud_events.READS) if reads else "data",
        iteration=read_iteration(foreach) if foreach else Iteration(),
    )


def read_iteration(node: DocumentNode) -> Iteration:
    """Read the work on each event, or on each message of a subscription."""
    node.allow_only("item", "at", "do", "output", "export")
    item, at = read_variable(node, "item", "item"), read_variable(node, "at", "index")
    within = node.with_variables(item, at)
    tasks = within.get("do")
    return Iteration(
        item=item,
        at=at,
        tasks=tasks.read_tasks(tasks) if tasks else (),
        output=read_transform(within, "output", "as"),
        export=read_transform(within, "export", "as"),
    )
