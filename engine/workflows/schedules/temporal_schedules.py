"""Schedules in Temporal: made of rows and kept equal to them. They contain ids and times alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
)
from temporalio.common import Priority
from temporalio.service import RPCError, RPCStatusCode

from engine.contracts import summaries
from engine.contracts.outbox_messages import Backfill
from engine.contracts.schedules import FIRING, FiringStart
from engine.contracts.task_queue import TASK_QUEUE
from engine.contracts.workflow_ids import FiringWorkflowId, TemporalScheduleId
from engine.store.schedules import Schedule as ScheduleRow
from engine.temporal import search_attributes
from engine.temporal.commands import TASK_TIMEOUT
from engine.workflows.schedules import cron

OVERLAPS = {
    "skip": ScheduleOverlapPolicy.SKIP,
    "buffer_one": ScheduleOverlapPolicy.BUFFER_ONE,
    "allow_all": ScheduleOverlapPolicy.ALLOW_ALL,
    "cancel_other": ScheduleOverlapPolicy.CANCEL_OTHER,
    "terminate_other": ScheduleOverlapPolicy.TERMINATE_OTHER,
}


@dataclass(frozen=True, slots=True)
class TemporalSchedule:
    """Schedule as Temporal shall have it, by a revision of its row; None and 0 without a row."""

    schedule_id: UUID
    account_id: UUID
    revision: int = 0
    schedule: Schedule | None = None


def of_row(
    row: ScheduleRow, *, execution_seconds_max: int, key_id: str, task_queue: str = TASK_QUEUE
) -> TemporalSchedule:
    """Return the Temporal schedule of a row.

    Its note names the key that authenticates its firings: after another one has taken its place,
    the relay sends the schedule anew.
    """
    account_id, definition_id = str(row.account_id), str(row.definition_id)
    action = ScheduleActionStartWorkflow(
        FIRING,
        FiringStart(str(row.id), account_id),
        id=str(FiringWorkflowId(row.id)),
        task_queue=task_queue,
        # It waits for its execution, which may last as long as any.
        execution_timeout=timedelta(seconds=execution_seconds_max) + timedelta(hours=1),
        task_timeout=TASK_TIMEOUT,
        priority=Priority(fairness_key=account_id),
        static_summary=summaries.summary(FIRING, definition_id),
        static_details=summaries.details("", account_id, definition_id),
        typed_search_attributes=search_attributes.of_definition(account_id, definition_id),
    )
    policy = SchedulePolicy(OVERLAPS[row.overlap], timedelta(seconds=row.catchup_seconds))
    state = ScheduleState(note=f"revision {row.revision}{_key_note(key_id)}", paused=row.paused)
    return TemporalSchedule(
        row.id, row.account_id, row.revision, Schedule(action, _spec(row), policy, state)
    )


async def sync(client: Client, wish: TemporalSchedule) -> bool:
    """Create, change or delete Temporal's schedule, so that it is as wished.

    :raises RPCError: when the server refuses.
    """
    handle = client.get_schedule_handle(str(TemporalScheduleId(wish.schedule_id)))
    schedule = wish.schedule
    try:
        if schedule is None:
            await handle.delete()
        else:
            await handle.update(lambda _: ScheduleUpdate(schedule))
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        if schedule is not None:
            await _create(client, wish, schedule)
    return True


async def next_times(client: Client, schedule_id: UUID) -> Sequence[datetime] | None:
    """Return when a schedule is due next, up to ten times; None when Temporal does not have it.

    :raises RPCError: when the server refuses.
    """
    handle = client.get_schedule_handle(str(TemporalScheduleId(schedule_id)))
    try:
        return (await handle.describe()).info.next_action_times
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return None


async def backfill(client: Client, message: Backfill) -> bool:
    """Have a schedule fire for a stretch of time, one execution after the other.

    A time that has made its execution makes no other one.

    :raises RPCError: when the server refuses, as before it has the schedule.
    """
    handle = client.get_schedule_handle(str(TemporalScheduleId(message.schedule_id)))
    since, until = (datetime.fromtimestamp(at, UTC) for at in (message.since, message.until))
    await handle.backfill(ScheduleBackfill(since, until, ScheduleOverlapPolicy.BUFFER_ALL))
    return True


async def list_ids(client: Client, account_id: UUID) -> AsyncIterator[UUID]:
    """Yield the ids of an account's schedules in Temporal; the list lags a moment.

    :raises RPCError: when the server refuses.
    """
    query = f"{search_attributes.ACCOUNT.name} = '{account_id}'"
    async for schedule_id, _ in _list(client, query):
        yield schedule_id


async def list_ids_by_key(client: Client, key_id: str) -> AsyncIterator[UUID]:
    """Yield the ids of all schedules whose firings this key authenticates; the list lags.

    :raises RPCError: when the server refuses.
    """
    async for schedule_id, note in _list(client, None):
        if note.endswith(_key_note(key_id)):
            yield schedule_id


async def _list(client: Client, query: str | None) -> AsyncIterator[tuple[UUID, str]]:
    async for schedule in await client.list_schedules(query):
        details = schedule.schedule
        try:
            schedule_id = TemporalScheduleId.parse(schedule.id).schedule_id
        except ValueError:  # not one of ours
            continue
        yield schedule_id, (details.state.note if details is not None else None) or ""


def _key_note(key_id: str) -> str:
    return f", key {key_id}"


async def _create(client: Client, wish: TemporalSchedule, schedule: Schedule) -> None:
    schedule_id = str(TemporalScheduleId(wish.schedule_id))
    attributes = search_attributes.of_account(str(wish.account_id))
    try:
        await client.create_schedule(schedule_id, schedule, search_attributes=attributes)
    except ScheduleAlreadyRunningError:  # another process has just created it
        handle = client.get_schedule_handle(schedule_id)
        await handle.update(lambda _: ScheduleUpdate(schedule))


def _spec(row: ScheduleRow) -> ScheduleSpec:
    spec = ScheduleSpec(
        start_at=row.start_at,
        end_at=row.end_at,
        jitter=timedelta(seconds=row.jitter_seconds),
        time_zone_name=row.timezone,
    )
    if row.every is not None:
        offset = int(row.counted_from.timestamp()) % row.every
        spec.intervals = [
            ScheduleIntervalSpec(timedelta(seconds=row.every), timedelta(seconds=offset))
        ]
    else:
        spec.calendars = cron.of_cron(row.cron or "")
    return spec
