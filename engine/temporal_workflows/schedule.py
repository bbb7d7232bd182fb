"""The Temporal workflow of a schedule: it waits for times or events, and starts executions."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

from engine.contracts import executions, schedules
from engine.errors import EngineError
from engine.expressions.sandbox.fair_queue import ACCOUNT
from engine.interpreter import documents
from engine.interpreter.constructs.event_consumption import ConsumptionProgress, EventConsumption
from engine.interpreter.runtime.budget import Budget
from engine.interpreter.runtime.environment import RUNTIME
from engine.interpreter.runtime.event_inbox import EventInbox
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.quiescence import Quiescence
from engine.interpreter.runtime.scope import Scope
from engine.language import cloud_events
from engine.language.errors import ExhaustedError, FaultError
from engine.language.schedule import Schedule
from engine.temporal_workflows.child_workflows import start_below
from engine.temporal_workflows.environment import TemporalEnvironment
from engine.temporal_workflows.local_activities import run_local_activity


class OverError(Exception):
    """The definition is no more, or has another version: nothing is left to start."""


LOOK_SECONDS_MAX = 600.0
# Anything else, a machine too busy for a filter among it, fails the task alone, which is tried again.
FAILING: Sequence[type[Exception]] = (EngineError, ExhaustedError, FaultError)


@workflow.defn(name=executions.SCHEDULE, failure_exception_types=FAILING)
class ScheduleWorkflow:
    """One trigger of a definition's schedule, `after` or `on`, as long as the definition has its version.

    Times (`every` and `cron`) are Temporal's own schedules. A filter is evaluated here, so that it is written
    nowhere but in the encrypted history.
    """

    @workflow.init
    def __init__(self, start: executions.ScheduleStart) -> None:
        self._start = start
        self._event_inbox = (
            EventInbox() if start.inbox is None else EventInbox.from_json(start.inbox)
        )

    @workflow.run
    async def run(self, start: executions.ScheduleStart) -> None:
        """Start executions until the definition is gone or will never be due again."""
        ACCOUNT.set(start.account_id)
        found: executions.Scheduled | None = await run_local_activity(
            executions.OPEN_SCHEDULE,
            replace(start, standing=None, inbox=None),
            executions.Scheduled,
        )
        schedule = None if found is None else documents.parse(found.document).schedule
        if found is None or schedule is None:
            return
        try:
            while True:
                if start.trigger == "on":
                    await self._listen(schedule, found)
                else:
                    await self._repeat(schedule)
                if workflow.info().is_continue_as_new_suggested():
                    workflow.continue_as_new(self._handed_on())
        except OverError:
            return

    @workflow.signal(name=executions.EVENT)
    def event(self, events: list[executions.Json]) -> None:
        """Take events in."""
        self._event_inbox.put(events)

    async def _repeat(self, schedule: Schedule) -> None:
        """Fire, see the execution's end, and let the delay pass: the first run has nothing to wait for."""
        execution_id = self._drawn()
        execution = await self._fire(execution_id, None)
        if execution is None:
            await _end_of(execution_id)
        else:
            with contextlib.suppress(FailureError):  # however it ended, it ended
                await execution
        await workflow.sleep(timedelta(seconds=schedule.after or 0))

    async def _listen(self, schedule: Schedule, found: executions.Scheduled) -> None:
        """Fire on the events that together are what is listened for (DSL, "Event-driven scheduling")."""
        definition = documents.parse(found.document)
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
                    workflow.continue_as_new(self._handed_on())
                await workflow.wait_condition(
                    lambda: self._event_inbox.next(progress.last_number) is not None
                )
        self._event_inbox.drop_until(progress.last_number)
        self._start = replace(self._start, standing=None)
        await self._fire(self._drawn(), progress.outputs)

    async def _fire(
        self, execution_id: str, events: list[Any] | None
    ) -> workflow.ChildWorkflowHandle[Any, Any] | None:
        """Make an execution and start it; it lives on when this workflow ends.

        :return: nothing when the relay has started it: no worker ran for a while after it was made.
        :raises OverError: when the definition is gone, or changed.
        """
        account_id, definition_id = self._start.account_id, self._start.definition_id
        firing = schedules.Firing(
            execution_id, definition_id, account_id, events, self._start.version
        )
        fired: schedules.Fired | None = await run_local_activity(
            executions.FIRE_SCHEDULE, firing, schedules.Fired
        )
        if fired is None:
            raise OverError
        with contextlib.suppress(WorkflowAlreadyStartedError):
            return await start_below(
                executions.EXECUTION,
                executions.ExecutionStart(execution_id, account_id),
                workflow_id=executions.execution_workflow_id(execution_id),
                account_id=account_id,
                definition_id=definition_id,
                lasts=timedelta(seconds=fired.seconds_max),
            )
        return None

    def _drawn(self) -> str:
        """Return the id of the next execution."""
        return _uuid7(workflow.now(), workflow.random())

    def _handed_on(self) -> executions.ScheduleStart:
        return replace(self._start, inbox=self._event_inbox.to_json())


# It has no end, and would keep its first build from ever being stopped: it goes along with each new one.
# Temporal takes no such word from workers without a build, whose schedules are the class above.
@workflow.defn(
    name=executions.SCHEDULE,
    failure_exception_types=FAILING,
    versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
)
class UpgradedScheduleWorkflow(ScheduleWorkflow):
    """The same on workers that have a build."""

    @workflow.init
    def __init__(self, start: executions.ScheduleStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: executions.ScheduleStart) -> None:
        """Start executions until the definition is gone or will never be due again."""
        await super().run(start)


async def _end_of(execution_id: str) -> None:
    """Look whether an execution that another started has ended, less often the longer it lasts."""
    seconds = 1.0
    while not await run_local_activity(executions.EXECUTION_ENDED, execution_id, bool):
        await workflow.sleep(seconds)
        seconds = min(2 * seconds, LOOK_SECONDS_MAX)


def _uuid7(at: datetime, chance: random.Random) -> str:
    """Return a UUIDv7 (RFC 9562 section 5.7) that is the same on replay."""
    number = int(at.timestamp() * 1000) << 80 | chance.getrandbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 2 << 62))
