"""The Temporal workflows: open, walk, settle. They hold nobody's program and decide nothing by themselves."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict, replace
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from engine.contracts import executions, payload_converter
from engine.contracts.child_executions import Told
from engine.contracts.pause import PAUSE_SIGNAL, PauseCommand
from engine.errors import InvalidError
from engine.expressions.sandbox.fair_queue import ACCOUNT, PATIENCE, BusyError, Patience
from engine.interpreter import checkpoint, retry_from_failure
from engine.interpreter.runtime.event_inbox import EventInbox
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.pause import Pause
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
from engine.temporal_workflows.environment import TemporalEnvironment
from engine.temporal_workflows.local_activities import run_local_activity

# A new run goes on with the build that is current, a run itself stays with the one it began on.
NEWEST = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
STOPPED = "The execution was stopped from outside."


# What is no failure of ours fails the task alone, which is tried again: so a defect of a deploy, or a history
# that does not replay, ends nobody's execution.
@workflow.defn(name=executions.EXECUTION)
class ExecutionWorkflow:
    """One run of a definition, or of the rest of it."""

    def __init__(self) -> None:
        self._interpreter: Interpreter | None = None
        self._event_inbox = EventInbox()
        self._pause = Pause()
        self._delivery: asyncio.Task[None] | None = None
        self._cancelled = False

    @workflow.run
    async def run(self, start: executions.ExecutionStart) -> RawValue | Told | None:
        """Return the reply, sealed for whoever awaits it; to the execution that ordered this one, the end.

        :raises ApplicationError: when the execution failed; its type is the kind of error, its one
            detail the sealed reply, its message nothing of the user's.
        """
        settlement = await self._settled(start)
        if self._interpreter is not None:
            await self._interpreter.event_outbox.flush()
            subject = asdict(self._interpreter.lifecycle_events.subject)
            steps = self._interpreter.budget.uncounted_tasks()
            settlement = replace(
                settlement, subject=subject, cancelled=self._cancelled, steps=steps
            )
            workflow.set_current_details(ui_details.ended(self._interpreter, settlement))
        answer: str | None = await run_local_activity(executions.SETTLE_EXECUTION, settlement, str)
        if self._cancelled:
            raise asyncio.CancelledError
        reply = payload_converter.sealed(answer) if answer is not None else None
        if settlement.error is None:
            return Told(result=settlement.result) if start.ordered is not None else reply
        told = reply if start.ordered is None else settlement.error
        raise ApplicationError(
            "The execution failed",
            *([told] if told is not None else []),
            type=_shown_kind(str(settlement.error["type"])),
            non_retryable=True,
        )

    @workflow.signal(name=executions.EVENT)
    def event(self, events: list[executions.Json]) -> None:
        """Take events in; the walk looks at them when it listens."""
        self._event_inbox.put(events)

    @workflow.signal(name=PAUSE_SIGNAL)
    def pause(self, command: PauseCommand) -> None:
        """Have the walk hold before its next step, or go on."""
        self._pause.apply(command.number, paused=command.paused)

    @workflow.query
    def trail(self) -> list[str]:
        """Return the names of the steps that ran, in order."""
        return [] if self._interpreter is None else list(self._interpreter.trail)

    async def _settled(self, start: executions.ExecutionStart) -> executions.Settlement:
        ended = executions.Settlement(
            start.execution_id, start.account_id, status="completed", reply_key=start.reply_key
        )
        try:
            return replace(ended, result=await self._interpreted(start))
        except FaultError as error:
            problem = error.problem
        except ExhaustedError as error:
            problem = _problem("runtime", error.detail)
        except ApplicationError as error:
            if error.type != executions.UNOPENABLE:
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
        left = None if self._interpreter is None else retry_from_failure.left(self._interpreter)
        return replace(ended, status="failed", error=problem.to_json(), left=left)

    async def _interpreted(self, start: executions.ExecutionStart) -> Any:
        """Walk from the beginning or the bookmark to the end; at a rest, have a new run go on."""
        ACCOUNT.set(start.account_id)
        environment = TemporalEnvironment(start.account_id, start.execution_id)
        PATIENCE.set(Patience(lambda: (environment.workflow_task_mark(), environment.now())))
        if start.bookmark is None:
            opened: executions.Opened = await run_local_activity(
                executions.OPEN_EXECUTION, start, executions.Opened
            )
            interpreter = checkpoint.begin(opened, start.execution_id, environment)
            retry_from_failure.retake(interpreter, opened)
            opened = replace(opened, left=None)
        else:
            interpreter, opened = checkpoint.resume(start.bookmark, start.execution_id, environment)
        interpreter.event_inbox.put(event for _, event in self._event_inbox.events)
        interpreter.pause.apply(self._pause.number, paused=self._pause.paused)
        self._interpreter, self._event_inbox, self._pause = (
            interpreter,
            interpreter.event_inbox,
            interpreter.pause,
        )
        self._delivery = asyncio.create_task(interpreter.event_outbox.deliver())
        interpretation = asyncio.create_task(
            self._paced(interpreter, opened, resumed=start.bookmark is not None)
        )
        try:
            while not interpretation.done():
                await workflow.wait_condition(
                    lambda: (
                        self._shown(interpreter, interpretation) or interpreter.quiescence.reached
                    )
                )
                if not interpretation.done() and await self._left_behind_nothing(
                    interpreter, environment
                ):
                    break
        except asyncio.CancelledError:
            interpretation.cancel()
            await asyncio.gather(interpretation, return_exceptions=True)
            raise
        if not interpretation.done():
            workflow.continue_as_new(
                checkpoint.left(start, interpreter, opened), initial_versioning_behavior=NEWEST
            )
        return interpretation.result()

    async def _left_behind_nothing(
        self, interpreter: Interpreter, environment: TemporalEnvironment
    ) -> bool:
        """Hand over what only this run can; tell whether that is all, and the walk still rests."""
        await interpreter.event_outbox.flush()
        seq = interpreter.timeline.seq
        await environment.store_timeline()
        return interpreter.quiescence.reached and interpreter.timeline.seq == seq

    def _shown(self, interpreter: Interpreter, interpretation: asyncio.Task[Any]) -> bool:
        """Tell whether the walk is over; while it waits, note where it stands: once for many steps."""
        if not interpretation.done():
            workflow.set_current_details(ui_details.standing(interpreter))
        return interpretation.done()

    async def _paced(
        self, interpreter: Interpreter, opened: executions.Opened, *, resumed: bool
    ) -> Any:
        if opened.slowed_seconds and not resumed:
            await interpreter.environment.sleep(opened.slowed_seconds, summary="turn")
        return await interpreter.run(opened.input)


@workflow.defn(name=executions.DEFINITION_CHECK, failure_exception_types=[Exception])
class DefinitionCheckWorkflow:
    """One look at a definition that was just saved."""

    @workflow.run
    async def run(self, check: executions.DefinitionCheck) -> None:
        """Have the definition opened, checked, its diagnostics stored and its schedule begun."""
        triggers: list[str] = await run_local_activity(
            executions.CHECK_DEFINITION, check, list[str]
        )
        for trigger in triggers or ():
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await start_below(
                    executions.SCHEDULE,
                    executions.ScheduleStart(
                        check.definition_id, check.account_id, trigger, version=check.version
                    ),
                    workflow_id=executions.schedule_workflow_id(
                        check.definition_id, trigger, check.version
                    ),
                    account_id=check.account_id,
                    definition_id=check.definition_id,
                    lasts=None,
                )


@workflow.defn(name=executions.OUTCOME_READING, failure_exception_types=[Exception])
class OutcomeReadingWorkflow:
    """One look at how an execution ended, for somebody who did not wait for it."""

    @workflow.run
    async def run(self, reading: executions.OutcomeReading) -> RawValue | None:
        """Return the outcome, sealed to whoever asked; nothing while there is none."""
        answer: str | None = await run_local_activity(executions.READ_OUTCOME, reading, str)
        return payload_converter.sealed(answer) if answer is not None else None


def _problem(kind: str, detail: str) -> Problem:
    status, title = STANDARD[kind]
    return Problem(TYPES + kind, status, title, detail, instance="")


def _shown_kind(uri: str) -> str:
    """Return what an operator may see: a failure's type is not encrypted, and users write their own."""
    return standard_kind(uri) or executions.RAISED
