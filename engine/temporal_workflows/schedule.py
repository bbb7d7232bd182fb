"""Temporal workflow of a schedule's trigger: it waits, and starts executions."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError

from engine.contracts.events import EVENT
from engine.contracts.executions import EXECUTION_ENDED, ExecutionStart
from engine.contracts.json_value import Json
from engine.contracts.schedules import (
    FIRE_SCHEDULE,
    OPEN_SCHEDULE,
    SCHEDULE,
    TriggerDocument,
    TriggerExecution,
    TriggerFiring,
    TriggerStart,
)
from engine.expressions.sandbox.fair_queue import ACCOUNT, BusyError
from engine.interpreter import documents
from engine.interpreter.constructs.event_consumption import ConsumptionProgress, EventConsumption
from engine.interpreter.runtime.budget import Budget
from engine.interpreter.runtime.environment import RUNTIME
from engine.interpreter.runtime.event_inbox import EventInbox
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.quiescence import Quiescence
from engine.interpreter.runtime.scope import Scope
from engine.language import cloud_events
from engine.language.model import WorkflowDefinition
from engine.language.schedule import ScheduleTriggers
from engine.temporal_workflows.child_workflows import execution_workflow, start_child_workflow
from engine.temporal_workflows.environment import TemporalEnvironment
from engine.temporal_workflows.local_activities import run_local_activity


class OverError(Exception):
    """The definition was deleted or has another version, so the schedule ends."""


POLL_SECONDS_MAX = 600.0
# The time until a trigger tries again whose account has too many executions, or a full quota.
REFUSED_PAUSE_SECONDS = 60.0


@workflow.defn(name=SCHEDULE)
class ScheduleWorkflow:
    """Trigger of a schedule, `after` or `on`, as long as the definition has its version.

    `every` and `cron` are Temporal's own schedules. This workflow evaluates the filters of `on`, so
    that they are stored nowhere but in the encrypted history.
    """

    # Without `workflow.init`: an error in it would repeat the task for ever, and it would read the
    # argument before the guard does.
    def __init__(self) -> None:
        self._event_inbox = EventInbox()

    @workflow.run
    async def run(self, start: TriggerStart) -> None:
        """Start executions until the definition is deleted or has another version.

        :raises ApplicationError: when a filter or the engine fails.
        """
        try:
            await self._run(start)
        except (BusyError, FailureError):  # on a busy machine Temporal retries the workflow task
            raise
        except Exception as error:  # noqa: BLE001 - a trigger would meet it for ever
            workflow.logger.error("a trigger fails: %s", type(error).__name__)
            message = "The trigger failed"
            raise ApplicationError(message, type=type(error).__name__, non_retryable=True) from None

    async def _run(self, start: TriggerStart) -> None:
        ACCOUNT.set(start.account_id)
        self._start = start
        self._restore_inbox(start)
        answer: TriggerDocument | None = await run_local_activity(
            OPEN_SCHEDULE,
            replace(start, standing=None, inbox=None),
            TriggerDocument,
        )
        if answer is None:
            return
        definition = documents.parse(answer.document)
        schedule = definition.schedule
        if schedule is None:
            return
        try:
            while True:
                if start.trigger == "on":
                    await self._listen(definition, schedule)
                else:
                    await self._repeat(schedule)
                if workflow.info().is_continue_as_new_suggested():
                    workflow.continue_as_new(self._next_start())
        except OverError:
            return

    @workflow.signal(name=EVENT)
    def event(self, events: list[Json]) -> None:
        """Receive events."""
        self._event_inbox.add(events)

    def _restore_inbox(self, start: TriggerStart) -> None:
        """Put the events of the run before ahead of those that reached this one already."""
        if start.inbox is not None:
            earlier = EventInbox.from_json(start.inbox)
            earlier.add(event for _, event in self._event_inbox.events)
            self._event_inbox = earlier

    async def _repeat(self, schedule: ScheduleTriggers) -> None:
        """Start an execution, wait for its end, then wait for the delay (`after`)."""
        execution_id = self._new_execution_id()
        execution = await self._fire(execution_id, None)
        if execution is None:
            await _wait_for_end(execution_id)
        else:
            with contextlib.suppress(FailureError):  # any outcome is an end
                await execution
        await workflow.sleep(timedelta(seconds=schedule.after or 0))

    async def _listen(self, definition: WorkflowDefinition, schedule: ScheduleTriggers) -> None:
        """Wait for the events of `on`, then start an execution (DSL, "Event-driven scheduling")."""
        environment = TemporalEnvironment(self._start.account_id, "")
        interpreter = Interpreter(
            definition=definition,
            execution_id="",
            raw_input=None,
            environment=environment,
            quiescence=Quiescence(environment.is_history_long),
            budget=Budget(environment),
            event_inbox=self._event_inbox,
        )
        scope = Scope({"runtime": RUNTIME, "workflow": {"definition": definition.source}})
        progress = ConsumptionProgress.from_json(self._start.standing or {})
        if schedule.on is None:
            raise OverError
        consumption = cast("EventConsumption", schedule.on)
        while not progress.over:
            event = await consumption.consume_next(interpreter, None, scope, progress)
            if event is not None:
                progress.outputs.append(cloud_events.read(event, schedule.reads))
                consumption.check_until(interpreter, scope, progress)
            elif not progress.over:
                self._event_inbox.drop_until(progress.last_number)
                if workflow.info().is_continue_as_new_suggested():
                    self._start = replace(self._start, standing=progress.to_json())
                    workflow.continue_as_new(self._next_start())
                await workflow.wait_condition(
                    lambda: self._event_inbox.next(progress.last_number) is not None
                )
        self._event_inbox.drop_until(progress.last_number)
        self._start = replace(self._start, standing=None)
        await self._fire(self._new_execution_id(), progress.outputs)

    async def _fire(
        self, execution_id: str, events: list[Any] | None
    ) -> workflow.ChildWorkflowHandle[Any, Any] | None:
        """Create and start an execution, which outlives this workflow.

        :return: its handle, or None when the relay started it because no worker ran for a while.
        :raises OverError: when the definition was deleted, or has another version.
        """
        account_id, definition_id = self._start.account_id, self._start.definition_id
        firing = TriggerFiring(execution_id, definition_id, account_id, events, self._start.version)
        creation = await self._create(firing)
        with contextlib.suppress(WorkflowAlreadyStartedError):
            return await start_child_workflow(
                execution_workflow(ExecutionStart(execution_id, account_id), definition_id),
                execution_timeout=timedelta(seconds=creation.seconds_max),
            )
        return None

    async def _create(self, firing: TriggerFiring) -> TriggerExecution:
        """Store the execution, once the account has room for it.

        :raises OverError: when the definition was deleted, or has another version.
        """
        while True:
            creation: TriggerExecution | None = await run_local_activity(
                FIRE_SCHEDULE, firing, TriggerExecution
            )
            if creation is None:
                raise OverError
            if not creation.is_refused:
                return creation
            await workflow.sleep(timedelta(seconds=REFUSED_PAUSE_SECONDS), summary="room")

    def _new_execution_id(self) -> str:
        """Return an id for the next execution."""
        return _uuid7(workflow.now(), workflow.random())

    def _next_start(self) -> TriggerStart:
        return replace(self._start, inbox=self._event_inbox.to_json())


# A schedule has no end, and would need its first build for ever: it moves to each new build.
# Temporal refuses a versioning behaviour from workers without a build; they register the class
# above.
@workflow.defn(name=SCHEDULE, versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class UpgradedScheduleWorkflow(ScheduleWorkflow):
    """Schedule workflow of workers that have a build."""

    @workflow.run
    async def run(self, start: TriggerStart) -> None:
        """Start executions until the definition is deleted or has another version."""
        await super().run(start)


async def _wait_for_end(execution_id: str) -> None:
    """Poll until an execution has ended, less often the longer it lasts."""
    seconds = 1.0
    while not await run_local_activity(EXECUTION_ENDED, execution_id, bool):
        await workflow.sleep(seconds)
        seconds = min(2 * seconds, POLL_SECONDS_MAX)


def _uuid7(at: datetime, generator: random.Random) -> str:
    """Return a UUIDv7 (RFC 9562 section 5.7) that is the same on replay."""
    number = int(at.timestamp() * 1000) << 80 | generator.getrandbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 2 << 62))
