"""Temporal workflows of executions: open, interpret, settle; check a definition; read an outcome.

They run no user's program: sandbox processes evaluate expressions.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, CancelledError, WorkflowAlreadyStartedError

from engine.contracts.child_executions import ChildOutcome
from engine.contracts.commands import REFUSED
from engine.contracts.definitions import CHECK_DEFINITION, DEFINITION_CHECK, DefinitionCheck
from engine.contracts.events import EVENT
from engine.contracts.executions import (
    EXECUTION,
    OPEN_EXECUTION,
    OUTCOME_READING,
    READ_OUTCOME,
    SETTLE_EXECUTION,
    UNOPENABLE,
    ExecutionStart,
    OpenedExecution,
    OutcomeReading,
    Settlement,
)
from engine.contracts.json_value import Json
from engine.contracts.pause import PAUSE_SIGNAL, PauseSignal
from engine.contracts.payload_converter import reply_payload
from engine.contracts.schedules import SCHEDULE, TriggerStart
from engine.contracts.task_queue import TASK_QUEUE
from engine.contracts.timeline import RAISED
from engine.contracts.workflow_ids import TriggerWorkflowId, VersionReference
from engine.errors import InvalidError
from engine.expressions.sandbox.fair_queue import ACCOUNT, WAIT_BUDGET, BusyError, WaitBudget
from engine.interpreter import checkpoint, retry_from_failure
from engine.interpreter.runtime.event_inbox import EventInbox
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.pause import Pause
from engine.language.errors import (
    STANDARD,
    TYPES,
    ExhaustedError,
    FaultError,
    ProblemDetails,
    standard_kind,
)
from engine.temporal_workflows import ui_details
from engine.temporal_workflows.child_workflows import ChildWorkflow, start_child_workflow
from engine.temporal_workflows.environment import TemporalEnvironment
from engine.temporal_workflows.local_activities import run_local_activity

# The next run continues with the current build; a run itself stays with the build it began on.
NEWEST = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
STOP_DETAIL = "The execution was stopped from outside."


# There are no `failure_exception_types`: any other error fails the workflow task alone, and
# Temporal retries it. So neither a defect of a deploy nor a history that does not replay ends a
# user's execution.
@workflow.defn(name=EXECUTION)
class ExecutionWorkflow:
    """Execution of a definition: one run, from the beginning or from a checkpoint."""

    def __init__(self) -> None:
        self._interpreter: Interpreter | None = None
        self._event_inbox = EventInbox()
        self._pause = Pause()
        self._delivery: asyncio.Task[None] | None = None
        self._cancelled = False

    @workflow.run
    async def run(self, start: ExecutionStart) -> RawValue | ChildOutcome | None:
        """Return the encrypted reply for the waiting client; to a parent execution, the outcome.

        :raises ApplicationError: when the execution failed. Its type is the kind of the error, its
            only detail the encrypted reply (or the error, for a parent); its message has no user's
            data.
        """
        settlement = await self._finish(await self._settle(start))
        settlement, answer = await _store(settlement)
        if self._cancelled:
            raise asyncio.CancelledError
        reply = reply_payload(answer) if answer is not None else None
        has_parent = start.ordered is not None
        if settlement.error is None:
            return ChildOutcome(result=settlement.result) if has_parent else reply
        detail = settlement.error if has_parent else reply
        raise ApplicationError(
            "The execution failed",
            *([detail] if detail is not None else []),
            type=_error_kind(str(settlement.error["type"])),
            non_retryable=True,
        )

    @workflow.signal(name=EVENT)
    def event(self, events: list[Json]) -> None:
        """Receive events; `listen` tasks look through them."""
        self._event_inbox.add(events)

    @workflow.signal(name=PAUSE_SIGNAL)
    def pause(self, command: PauseSignal) -> None:
        """Pause the execution before its next task, or resume it."""
        self._pause.apply(command.number, paused=command.paused)

    @workflow.query
    def trail(self) -> list[str]:
        """Return the names of the tasks that ran, in order."""
        return [] if self._interpreter is None else list(self._interpreter.trail)

    async def _settle(self, start: ExecutionStart) -> Settlement:
        """Run the execution to its end, and return how it ended.

        :raises ApplicationError: `REFUSED`, when this run may not open it.
        """
        settlement = Settlement(
            start.execution_id, start.account_id, status="completed", reply_key=start.reply_key
        )
        try:
            return replace(settlement, result=await self._interpret(start))
        except FaultError as error:
            problem = error.problem
        except ExhaustedError as error:
            problem = _problem("runtime", error.detail)
        except ApplicationError as error:
            if error.type == REFUSED:  # another run has the execution, or it has ended
                raise
            if error.type == UNOPENABLE:
                return replace(settlement, status="failed", error=error.details[0])
            problem = _problem("runtime", error.message)
        except InvalidError as error:
            first = error.faults[0]
            configuration = _problem("configuration", f"{first.pointer}: {first.detail}")
            problem = replace(configuration, instance=first.pointer)
        except (checkpoint.NewerError, BusyError):
            raise
        except asyncio.CancelledError:
            self._cancelled = True
            problem = _problem("runtime", STOP_DETAIL)
        except Exception as error:  # noqa: BLE001 - an execution that is never settled would run for ever
            workflow.logger.error("an execution met a defect: %s", type(error).__name__)
            problem = _problem("runtime", "the engine failed")
        return replace(settlement, status="failed", error=problem.to_json(), left=self._capture())

    def _capture(self) -> str | None:
        """Return the checkpoint for a retry; None when there is none, or the engine fails at it."""
        if self._interpreter is None:
            return None
        try:
            return retry_from_failure.capture(self._interpreter)
        except Exception as error:  # noqa: BLE001 - as above
            workflow.logger.error("no checkpoint: %s", type(error).__name__)
            return None

    async def _finish(self, settlement: Settlement) -> Settlement:
        """Deliver the last events, and return the settlement with what only the interpreter has.

        An execution whose events cannot be delivered fails.
        """
        if self._interpreter is None:
            return settlement
        try:
            await self._interpreter.event_outbox.flush()
        except Exception as error:  # noqa: BLE001 - as above
            settlement = _fail(settlement, "the engine could not deliver the events", error)
        subject = asdict(self._interpreter.lifecycle_events.subject)
        steps = self._interpreter.budget.uncounted_tasks()
        settlement = replace(settlement, subject=subject, cancelled=self._cancelled, steps=steps)
        workflow.set_current_details(ui_details.describe_outcome(self._interpreter, settlement))
        return settlement

    async def _interpret(self, start: ExecutionStart) -> Any:
        """Interpret the definition to its end; when quiescent before, continue as new."""
        ACCOUNT.set(start.account_id)
        environment = TemporalEnvironment(start.account_id, start.execution_id)
        WAIT_BUDGET.set(WaitBudget(lambda: (environment.workflow_task_mark(), environment.now())))
        interpreter, opening = await self._load(start, environment)
        interpreter.event_inbox.add(event for _, event in self._event_inbox.events)
        interpreter.pause.apply(self._pause.number, paused=self._pause.paused)
        self._interpreter, self._event_inbox, self._pause = (
            interpreter,
            interpreter.event_inbox,
            interpreter.pause,
        )
        self._delivery = asyncio.create_task(interpreter.event_outbox.deliver())
        interpretation = asyncio.create_task(
            _run_after_delay(interpreter, opening, is_resumed=start.bookmark is not None)
        )
        try:
            while not interpretation.done():
                await workflow.wait_condition(
                    lambda: (
                        _is_done(interpreter, interpretation) or interpreter.quiescence.is_reached
                    )
                )
                if not interpretation.done() and await _flush(interpreter, environment):
                    break
        except (asyncio.CancelledError, Exception):  # no strand may go on while this is settled
            interpretation.cancel()
            await asyncio.gather(interpretation, return_exceptions=True)
            raise
        if not interpretation.done():
            workflow.continue_as_new(
                checkpoint.continuation(start, interpreter, opening),
                initial_versioning_behavior=NEWEST,
            )
        return interpretation.result()

    async def _load(
        self, start: ExecutionStart, environment: TemporalEnvironment
    ) -> tuple[Interpreter, OpenedExecution]:
        """Return the interpreter at the beginning, at the failed task, or at the checkpoint."""
        if start.bookmark is not None:
            return checkpoint.load(start.bookmark, start.execution_id, environment)
        opening: OpenedExecution = await run_local_activity(OPEN_EXECUTION, start, OpenedExecution)
        interpreter = checkpoint.create_interpreter(opening, start.execution_id, environment)
        retry_from_failure.restore(interpreter, opening)
        return interpreter, replace(opening, left=None)


async def _store(settlement: Settlement) -> tuple[Settlement, str | None]:
    """Store how an execution ended; return that and the encrypted reply.

    An outcome that cannot be stored is replaced by a failure, which holds nothing of the user's.

    :raises ApplicationError: `UNDONE`, when that cannot be stored either. Then the relay ends the
        execution's row.
    """
    try:
        return settlement, await _run_settlement(settlement)
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        failure = _fail(settlement, "the engine could not store the outcome", error)
        return failure, await _run_settlement(failure)


async def _run_settlement(settlement: Settlement) -> str | None:
    reply: str | None = await run_local_activity(SETTLE_EXECUTION, settlement, str)
    return reply


def _fail(settlement: Settlement, detail: str, error: Exception) -> Settlement:
    """Return a settlement as failed, without result, error and checkpoint."""
    workflow.logger.error("%s: %s", detail, type(error).__name__)
    problem = _problem("runtime", detail).to_json()
    return replace(settlement, status="failed", result=None, error=problem, left=None)


async def _flush(interpreter: Interpreter, environment: TemporalEnvironment) -> bool:
    """Store the events and timeline entries that this run alone has.

    :return: whether the interpreter is quiescent still, and recorded no further entry meanwhile.
    """
    await interpreter.event_outbox.flush()
    seq = interpreter.timeline.seq
    await environment.store_timeline()
    return interpreter.quiescence.is_reached and interpreter.timeline.seq == seq


def _is_done(interpreter: Interpreter, interpretation: asyncio.Task[Any]) -> bool:
    """Return whether the interpretation ended; while it waits, show the running tasks in the UI."""
    if not interpretation.done():
        workflow.set_current_details(ui_details.describe_running(interpreter))
    return interpretation.done()


async def _run_after_delay(
    interpreter: Interpreter, opening: OpenedExecution, *, is_resumed: bool
) -> Any:
    """Run the interpreter; a new execution of an account past its limit waits first."""
    if opening.slowed_seconds and not is_resumed:
        await interpreter.environment.sleep(opening.slowed_seconds, summary="turn")
    return await interpreter.run(opening.input)


@workflow.defn(name=DEFINITION_CHECK, failure_exception_types=[Exception])
class DefinitionCheckWorkflow:
    """Check of a definition that was just saved."""

    @workflow.run
    async def run(self, check: DefinitionCheck) -> None:
        """Check the definition, store its diagnostics, and start the workflows of its schedule."""
        triggers: list[str]
        try:
            triggers = await run_local_activity(CHECK_DEFINITION, check, list[str])
        except ApplicationError:  # such as of a check that took too long
            failure = replace(check, is_defective=True)
            triggers = await run_local_activity(CHECK_DEFINITION, failure, list[str])
        for trigger in triggers or ():
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await start_child_workflow(
                    _schedule_workflow(check, trigger), execution_timeout=None
                )


def _schedule_workflow(check: DefinitionCheck, trigger: str) -> ChildWorkflow:
    definition_id, account_id = check.definition_id, check.account_id
    version = VersionReference(UUID(definition_id), check.version)
    return ChildWorkflow(
        SCHEDULE,
        TriggerStart(definition_id, account_id, trigger, version=check.version),
        str(TriggerWorkflowId(version, trigger)),
        account_id,
        definition_id,
        TASK_QUEUE,  # the check itself runs on the queue of checks
    )


@workflow.defn(name=OUTCOME_READING, failure_exception_types=[Exception])
class OutcomeReadingWorkflow:
    """Reading of an execution's outcome, for a client that did not wait for it."""

    @workflow.run
    async def run(self, reading: OutcomeReading) -> RawValue | None:
        """Return the outcome, encrypted to the client's key, or None while there is none."""
        answer: str | None = await run_local_activity(READ_OUTCOME, reading, str)
        return reply_payload(answer) if answer is not None else None


def _problem(kind: str, detail: str) -> ProblemDetails:
    status, title = STANDARD[kind]
    return ProblemDetails(TYPES + kind, status, title, detail, instance="")


def _error_kind(uri: str) -> str:
    """Return the kind of an error for operators: Temporal does not encrypt a failure's type."""
    return standard_kind(uri) or RAISED
