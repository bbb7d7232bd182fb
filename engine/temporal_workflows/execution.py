"""The Temporal workflows: open, walk, settle. They hold nobody's program and decide nothing by themselves."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from engine.contracts import payload_converter
from engine.contracts.child_executions import ChildOutcome
from engine.contracts.definitions import CHECK_DEFINITION, DEFINITION_CHECK, DefinitionCheck
from engine.contracts.events import EVENT
from engine.contracts.executions import (
    EXECUTION,
    OPEN_EXECUTION,
    OUTCOME_READING,
    RAISED,
    READ_OUTCOME,
    SETTLE_EXECUTION,
    UNOPENABLE,
    ExecutionStart,
    OpenedExecution,
    OutcomeReading,
    Settlement,
)
from engine.contracts.json_value import Json
from engine.contracts.pause import HOLD, PauseSignal
from engine.contracts.schedules import SCHEDULE, TriggerStart
from engine.contracts.workflow_ids import TriggerWorkflowId, VersionReference
from engine.errors import InvalidError
from engine.expressions.sandbox.fair_queue import ACCOUNT, PATIENCE, BusyError, Patience
from engine.interpreter import checkpoint, retry_from_failure
from engine.interpreter.runtime.event_inbox import Inbox
from engine.interpreter.runtime.interpreter import Walk
from engine.interpreter.runtime.pause import Hold
from engine.language.errors import (
    STANDARD,
    TYPES,
    ExhaustedError,
    FaultError,
    Problem,
    standard_kind,
)
from engine.temporal_workflows import ui_details
from engine.temporal_workflows.child_workflows import start_below
from engine.temporal_workflows.environment import TemporalWorld
from engine.temporal_workflows.local_activities import locally

# A new run goes on with the build that is current, a run itself stays with the one it began on.
NEWEST = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
STOPPED = "The execution was stopped from outside."


# What is no failure of ours fails the task alone, which is tried again: so a defect of a deploy, or a history
# that does not replay, ends nobody's execution.
@workflow.defn(name=EXECUTION)
class ExecutionWorkflow:
    """One run of a definition, or of the rest of it."""

    def __init__(self) -> None:
        self._walk: Walk | None = None
        self._inbox = Inbox()
        self._hold = Hold()
        self._carrying: asyncio.Task[None] | None = None
        self._cancelled = False

    @workflow.run
    async def run(self, start: ExecutionStart) -> RawValue | ChildOutcome | None:
        """Return the reply, sealed for whoever awaits it; to the execution that ordered this one, the end.

        :raises ApplicationError: when the execution failed; its type is the kind of error, its one
            detail the sealed reply, its message nothing of the user's.
        """
        settlement = await self._settled(start)
        if self._walk is not None:
            await self._walk.post.flush()
            subject = asdict(self._walk.herald.subject)
            steps = self._walk.pace.uncounted()
            settlement = replace(
                settlement, subject=subject, cancelled=self._cancelled, steps=steps
            )
            workflow.set_current_details(ui_details.ended(self._walk, settlement))
        answer: str | None = await locally(SETTLE_EXECUTION, settlement, str)
        if self._cancelled:
            raise asyncio.CancelledError
        reply = payload_converter.reply_payload(answer) if answer is not None else None
        if settlement.error is None:
            return ChildOutcome(result=settlement.result) if start.ordered is not None else reply
        told = reply if start.ordered is None else settlement.error
        raise ApplicationError(
            "The execution failed",
            *([told] if told is not None else []),
            type=_shown_kind(str(settlement.error["type"])),
            non_retryable=True,
        )

    @workflow.signal(name=EVENT)
    def event(self, events: list[Json]) -> None:
        """Take events in; the walk looks at them when it listens."""
        self._inbox.put(events)

    @workflow.signal(name=HOLD)
    def hold(self, word: PauseSignal) -> None:
        """Have the walk hold before its next step, or go on."""
        self._hold.hear(word.number, paused=word.paused)

    @workflow.query
    def trail(self) -> list[str]:
        """Return the names of the steps that ran, in order."""
        return [] if self._walk is None else list(self._walk.trail)

    async def _settled(self, start: ExecutionStart) -> Settlement:
        ended = Settlement(
            start.execution_id, start.account_id, status="completed", reply_key=start.reply_key
        )
        try:
            return replace(ended, result=await self._walked(start))
        except FaultError as error:
            problem = error.problem
        except ExhaustedError as error:
            problem = _problem("runtime", error.detail)
        except ApplicationError as error:
            if error.type != UNOPENABLE:
                raise
            return replace(ended, status="failed", error=error.details[0])
        except InvalidError as error:
            first = error.faults[0]
            refused = _problem("configuration", f"{first.pointer}: {first.detail}")
            problem = replace(refused, instance=first.pointer)
        except (checkpoint.NewerError, BusyError):
            raise
        except asyncio.CancelledError:
            self._cancelled = True
            problem = _problem("runtime", STOPPED)
        except Exception as error:  # noqa: BLE001 - an execution that is never settled would run for ever
            workflow.logger.error("an execution met a defect: %s", type(error).__name__)
            problem = _problem("runtime", "the engine failed")
        left = None if self._walk is None else retry_from_failure.left(self._walk)
        return replace(ended, status="failed", error=problem.shown(), left=left)

    async def _walked(self, start: ExecutionStart) -> Any:
        """Walk from the beginning or the bookmark to the end; at a rest, have a new run go on."""
        ACCOUNT.set(start.account_id)
        world = TemporalWorld(start.account_id, start.execution_id)
        PATIENCE.set(Patience(lambda: (world.task_mark(), world.now())))
        if start.bookmark is None:
            opened: OpenedExecution = await locally(OPEN_EXECUTION, start, OpenedExecution)
            walk = checkpoint.begin(opened, start.execution_id, world)
            retry_from_failure.retake(walk, opened)
            opened = replace(opened, left=None)
        else:
            walk, opened = checkpoint.resume(start.bookmark, start.execution_id, world)
        walk.inbox.put(event for _, event in self._inbox.waiting)
        walk.hold.hear(self._hold.number, paused=self._hold.paused)
        self._walk, self._inbox, self._hold = walk, walk.inbox, walk.hold
        self._carrying = asyncio.create_task(walk.post.carry())
        walking = asyncio.create_task(self._paced(walk, opened, resumed=start.bookmark is not None))
        try:
            while not walking.done():
                await workflow.wait_condition(
                    lambda: self._shown(walk, walking) or walk.rests.reached
                )
                if not walking.done() and await self._left_behind_nothing(walk, world):
                    break
        except asyncio.CancelledError:
            walking.cancel()
            await asyncio.gather(walking, return_exceptions=True)
            raise
        if not walking.done():
            workflow.continue_as_new(
                checkpoint.left(start, walk, opened), initial_versioning_behavior=NEWEST
            )
        return walking.result()

    async def _left_behind_nothing(self, walk: Walk, world: TemporalWorld) -> bool:
        """Hand over what only this run can; tell whether that is all, and the walk still rests."""
        await walk.post.flush()
        seq = walk.scribe.seq
        await world.keep_steps()
        return walk.rests.reached and walk.scribe.seq == seq

    def _shown(self, walk: Walk, walking: asyncio.Task[Any]) -> bool:
        """Tell whether the walk is over; while it waits, note where it stands: once for many steps."""
        if not walking.done():
            workflow.set_current_details(ui_details.standing(walk))
        return walking.done()

    async def _paced(self, walk: Walk, opened: OpenedExecution, *, resumed: bool) -> Any:
        if opened.slowed_seconds and not resumed:
            await walk.world.sleep(opened.slowed_seconds, summary="turn")
        return await walk.through(opened.input)


@workflow.defn(name=DEFINITION_CHECK, failure_exception_types=[Exception])
class DefinitionCheckWorkflow:
    """One look at a definition that was just saved."""

    @workflow.run
    async def run(self, check: DefinitionCheck) -> None:
        """Have the definition opened, checked, its diagnostics stored and its schedule begun."""
        version = VersionReference(UUID(check.definition_id), check.version)
        triggers: list[str] = await locally(CHECK_DEFINITION, check, list[str])
        for trigger in triggers or ():
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await start_below(
                    SCHEDULE,
                    TriggerStart(
                        check.definition_id, check.account_id, trigger, version=check.version
                    ),
                    workflow_id=str(TriggerWorkflowId(version, trigger)),
                    account_id=check.account_id,
                    definition_id=check.definition_id,
                    lasts=None,
                )


@workflow.defn(name=OUTCOME_READING, failure_exception_types=[Exception])
class OutcomeReadingWorkflow:
    """One look at how an execution ended, for somebody who did not wait for it."""

    @workflow.run
    async def run(self, reading: OutcomeReading) -> RawValue | None:
        """Return the outcome, sealed to whoever asked; nothing while there is none."""
        answer: str | None = await locally(READ_OUTCOME, reading, str)
        return payload_converter.reply_payload(answer) if answer is not None else None


def _problem(kind: str, detail: str) -> Problem:
    status, title = STANDARD[kind]
    return Problem(TYPES + kind, status, title, detail, instance="")


def _shown_kind(uri: str) -> str:
    """Return what an operator may see: a failure's type is not encrypted, and users write their own."""
    return standard_kind(uri) or RAISED
