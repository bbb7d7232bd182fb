"""Delivery of outbox messages to Temporal: for each kind one call, for web and relay alike.

`prepare` reads what a call needs, so that the call itself needs no database. When Temporal has done
it, `confirm` deletes the message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from temporalio.client import Client

from engine.config.settings import Settings
from engine.contracts.definitions import DefinitionCheck
from engine.contracts.executions import ExecutionStart
from engine.contracts.outbox_messages import (
    Backfill,
    ExecutionCancellation,
    ExecutionErasure,
    ExecutionLaunch,
    ExecutionPause,
    ExecutionTermination,
    ScheduleSync,
    TemporalMessage,
    TriggersEnd,
    VersionCheck,
)
from engine.contracts.pause import PauseSignal
from engine.contracts.workflow_ids import VersionReference
from engine.store import outbox
from engine.store.executions import Execution
from engine.store.schedules import Schedule
from engine.temporal import commands
from engine.workflows.schedules import temporal_schedules, triggers
from engine.workflows.schedules.temporal_schedules import TemporalSchedule


@dataclass(frozen=True, slots=True)
class TemporalCall:
    """Call that delivers a message; it returns a handle or true when Temporal has done it.

    False means that Temporal does not know the workflow yet. `revision` is that of the schedule.
    """

    message: TemporalMessage
    send: Callable[[Client], Awaitable[Any]]
    revision: int = 0


def prepare(
    session: Session,
    message: TemporalMessage,
    settings: Settings,
    *,
    reply_key: dict[str, str] | None = None,
) -> TemporalCall | None:
    """Return the call that delivers a message; None when there is nothing left to deliver.

    A workflow that it starts seals its answer to `reply_key`.
    """
    match message:
        case ScheduleSync():
            return _sync_schedule(session, message, settings)
        case Backfill():
            call = partial(temporal_schedules.backfill, message=message)
            exists = session.get(Schedule, message.schedule_id) is not None
            return TemporalCall(message, call) if exists else None
        case VersionCheck():
            check = DefinitionCheck(
                str(message.version.definition_id), str(message.account_id), message.version.version
            )
            return TemporalCall(message, partial(commands.start_check, check=check))
        case TriggersEnd():
            return TemporalCall(message, partial(_end_triggers, version=message.version))
        case ExecutionErasure():
            call = partial(commands.delete_execution, execution_id=message.execution_id)
            return TemporalCall(message, call)
        case _:
            return _command_execution(session, message, settings.execution_seconds_max, reply_key)


def confirm(session: Session, call: TemporalCall, *, now: datetime) -> None:
    """Delete the message of a call that Temporal has done.

    When a schedule's row has changed since `prepare`, an older change may have reached Temporal
    last. Then the relay makes Temporal follow once more.
    """
    session.execute(outbox.deletion(call.message))
    if isinstance(call.message, ScheduleSync):
        revision = select(Schedule.revision).where(Schedule.id == call.message.schedule_id)
        if (session.scalar(revision) or 0) != call.revision:
            outbox.append(session, call.message, now=now, delay_seconds=0)


def _command_execution(
    session: Session,
    message: ExecutionLaunch | ExecutionCancellation | ExecutionTermination | ExecutionPause,
    seconds_max: int,
    reply_key: dict[str, str] | None,
) -> TemporalCall | None:
    """Return the call that starts, stops or pauses an execution; None when its row is gone.

    None also when it has ended: then there is nothing to stop or to pause.
    """
    execution = session.get(Execution, message.execution_id)
    if execution is None or execution.account_id != message.account_id:
        return None
    if isinstance(message, ExecutionLaunch):
        start = ExecutionStart(str(execution.id), str(execution.account_id), reply_key)
        call = partial(
            commands.start_execution,
            start=start,
            definition_id=execution.definition_id,
            seconds_max=seconds_max,
        )
        return TemporalCall(message, call)
    if execution.status != "running":
        return None
    return TemporalCall(message, _stop_or_pause(message, execution))


def _stop_or_pause(
    message: ExecutionCancellation | ExecutionTermination | ExecutionPause, execution: Execution
) -> Callable[[Client], Awaitable[bool]]:
    match message:
        case ExecutionCancellation():
            return partial(commands.cancel_execution, execution_id=execution.id)
        case ExecutionTermination():
            return partial(commands.terminate_execution, execution_id=execution.id)
        case ExecutionPause():  # the row may say more by now than the message did
            signal = PauseSignal(execution.holds, execution.paused)
            return partial(commands.pause_execution, execution_id=execution.id, pause=signal)


def _sync_schedule(session: Session, message: ScheduleSync, settings: Settings) -> TemporalCall:
    row = session.get(Schedule, message.schedule_id)
    wish = TemporalSchedule(message.schedule_id, message.account_id)
    if row is not None:
        wish = temporal_schedules.of_row(
            row,
            execution_seconds_max=settings.execution_seconds_max,
            key_id=settings.current_key_id("command_keys"),
        )
    return TemporalCall(message, partial(temporal_schedules.sync, wish=wish), wish.revision)


async def _end_triggers(client: Client, version: VersionReference) -> bool:
    for workflow_id in triggers.workflow_ids(version):
        reason = "the definition was changed or deleted"
        await commands.terminate_workflow(client, workflow_id, reason=reason)
    return True
