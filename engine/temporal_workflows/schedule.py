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

from engine.contracts.events import EVENT
from engine.contracts.executions import EXECUTION, EXECUTION_ENDED, ExecutionStart
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
from engine.contracts.workflow_ids import ExecutionWorkflowId
from engine.errors import EngineError
from engine.expressions.sandbox.fair_queue import ACCOUNT
from engine.interpreter import documents
from engine.interpreter.constructs.event_consumption import Standing, Strategy
from engine.interpreter.runtime.budget import Pace
from engine.interpreter.runtime.environment import RUNTIME
from engine.interpreter.runtime.event_inbox import Inbox
from engine.interpreter.runtime.interpreter import Walk
from engine.interpreter.runtime.quiescence import Rests
from engine.interpreter.runtime.scope import Scope
from engine.language import cloud_events
from engine.language.errors import ExhaustedError, FaultError
from engine.language.schedule import Schedule
from engine.temporal_workflows.child_workflows import start_below
from engine.temporal_workflows.environment import TemporalWorld
from engine.temporal_workflows.local_activities import locally


class OverError(Exception):
    """The definition is no more, or has another version: nothing is left to start."""


LOOK_SECONDS_MAX = 600.0
# Anything else, a machine too busy for a filter among it, fails the task alone, which is tried again.
FAILING: Sequence[type[Exception]] = (EngineError, ExhaustedError, FaultError)


@workflow.defn(name=SCHEDULE, failure_exception_types=FAILING)
class ScheduleWorkflow:
    """One trigger of a definition's schedule, `after` or `on`, as long as the definition has its version.

    Times (`every` and `cron`) are Temporal's own schedules. A filter is evaluated here, so that it is written
    nowhere but in the encrypted history.
    """

    @workflow.init
    def __init__(self, start: TriggerStart) -> None:
        self._start = start
        self._inbox = Inbox() if start.inbox is None else Inbox.read(start.inbox)

    @workflow.run
    async def run(self, start: TriggerStart) -> None:
        """Start executions until the definition is gone or will never be due again."""
        ACCOUNT.set(start.account_id)
        found: TriggerDocument | None = await locally(
            OPEN_SCHEDULE,
            replace(start, standing=None, inbox=None),
            TriggerDocument,
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

    @workflow.signal(name=EVENT)
    def event(self, events: list[Json]) -> None:
        """Take events in."""
        self._inbox.put(events)

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

    async def _listen(self, schedule: Schedule, found: TriggerDocument) -> None:
        """Fire on the events that together are what is listened for (DSL, "Event-driven scheduling")."""
        definition = documents.parse(found.document)
        world = TemporalWorld(self._start.account_id, "")
        walk = Walk(
            definition=definition,
            execution_id="",
            raw_input=None,
            world=world,
            rests=Rests(world.crowded),
            pace=Pace(world),
            inbox=self._inbox,
        )
        scope = Scope({"runtime": RUNTIME, "workflow": {"definition": definition.source}})
        standing = Standing(**(self._start.standing or {}))
        if schedule.on is None:
            raise OverError
        strategy = cast("Strategy", schedule.on)
        while not standing.over:
            event = await strategy.sift(walk, None, scope, standing)
            if event is not None:
                standing.outputs.append(cloud_events.read(event, schedule.reads))
                strategy.conclude(walk, scope, standing)
            elif not standing.over:
                self._inbox.forget(standing.looked)
                if workflow.info().is_continue_as_new_suggested():
                    self._start = replace(self._start, standing=standing.written())
                    workflow.continue_as_new(self._handed_on())
                await workflow.wait_condition(lambda: self._inbox.next(standing.looked) is not None)
        self._inbox.forget(standing.looked)
        self._start = replace(self._start, standing=None)
        await self._fire(self._drawn(), standing.outputs)

    async def _fire(
        self, execution_id: str, events: list[Any] | None
    ) -> workflow.ChildWorkflowHandle[Any, Any] | None:
        """Make an execution and start it; it lives on when this workflow ends.

        :return: nothing when the relay has started it: no worker ran for a while after it was made.
        :raises OverError: when the definition is gone, or changed.
        """
        account_id, definition_id = self._start.account_id, self._start.definition_id
        firing = TriggerFiring(execution_id, definition_id, account_id, events, self._start.version)
        fired: TriggerExecution | None = await locally(FIRE_SCHEDULE, firing, TriggerExecution)
        if fired is None:
            raise OverError
        with contextlib.suppress(WorkflowAlreadyStartedError):
            return await start_below(
                EXECUTION,
                ExecutionStart(execution_id, account_id),
                workflow_id=str(ExecutionWorkflowId(UUID(execution_id))),
                account_id=account_id,
                definition_id=definition_id,
                lasts=timedelta(seconds=fired.seconds_max),
            )
        return None

    def _drawn(self) -> str:
        """Return the id of the next execution."""
        return _uuid7(workflow.now(), workflow.random())

    def _handed_on(self) -> TriggerStart:
        return replace(self._start, inbox=self._inbox.written())


# It has no end, and would keep its first build from ever being stopped: it goes along with each new one.
# Temporal takes no such word from workers without a build, whose schedules are the class above.
@workflow.defn(
    name=SCHEDULE,
    failure_exception_types=FAILING,
    versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
)
class UpgradedScheduleWorkflow(ScheduleWorkflow):
    """The same on workers that have a build."""

    @workflow.init
    def __init__(self, start: TriggerStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: TriggerStart) -> None:
        """Start executions until the definition is gone or will never be due again."""
        await super().run(start)


async def _end_of(execution_id: str) -> None:
    """Look whether an execution that another started has ended, less often the longer it lasts."""
    seconds = 1.0
    while not await locally(EXECUTION_ENDED, execution_id, bool):
        await workflow.sleep(seconds)
        seconds = min(2 * seconds, LOOK_SECONDS_MAX)


def _uuid7(at: datetime, chance: random.Random) -> str:
    """Return a UUIDv7 (RFC 9562 section 5.7) that is the same on replay."""
    number = int(at.timestamp() * 1000) << 80 | chance.getrandbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 2 << 62))
