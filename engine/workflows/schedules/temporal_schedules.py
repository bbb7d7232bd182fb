"""Temporal's schedules: how one is made of a row, and made to follow it. They hold ids and times alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
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
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from engine.contracts import executions, schedules, summaries
from engine.store.schedules import Schedule as Row
from engine.temporal import client as temporal
from engine.workflows.schedules import cron

OVERLAPS = {
    "skip": ScheduleOverlapPolicy.SKIP,
    "buffer_one": ScheduleOverlapPolicy.BUFFER_ONE,
    "allow_all": ScheduleOverlapPolicy.ALLOW_ALL,
    "cancel_other": ScheduleOverlapPolicy.CANCEL_OTHER,
    "terminate_other": ScheduleOverlapPolicy.TERMINATE_OTHER,
}
PREFIX = "schedule:"


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time for which a schedule shall make up; in whole seconds, both ends inclusive."""

    schedule_id: UUID
    since: int  # seconds since 1970
    until: int

    def __str__(self) -> str:
        """Return it as a message names it."""
        return f"{self.schedule_id.hex}.{self.since:x}.{self.until:x}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` has given."""
        schedule_id, since, until = text.split(".")
        return cls(UUID(schedule_id), int(since, 16), int(until, 16))


@dataclass(frozen=True, slots=True)
class Followed:
    """A schedule as Temporal shall have it; none when it is no more."""

    schedule_id: UUID
    account_id: UUID
    revision: int = 0
    made: Schedule | None = None


def of(
    row: Row, *, execution_seconds_max: int, task_queue: str = executions.TASK_QUEUE
) -> Followed:
    """Return what a row means in Temporal."""
    account_id, definition_id = str(row.account_id), str(row.definition_id)
    attributes = [
        SearchAttributePair(temporal.ACCOUNT, account_id),
        SearchAttributePair(temporal.DEFINITION, definition_id),
    ]
    action = ScheduleActionStartWorkflow(
        schedules.FIRING,
        schedules.FiringStart(str(row.id), account_id),
        id=f"fire:{row.id}",  # Temporal adds the time
        task_queue=task_queue,
        # It waits for its execution, which may last as long as it may.
        execution_timeout=timedelta(seconds=execution_seconds_max) + timedelta(hours=1),
        task_timeout=temporal.TASK_TIMEOUT,
        priority=Priority(fairness_key=account_id),
        static_summary=summaries.summary(schedules.FIRING, definition_id),
        static_details=summaries.details("", account_id, definition_id),
        typed_search_attributes=TypedSearchAttributes(attributes),
    )
    policy = SchedulePolicy(OVERLAPS[row.overlap], timedelta(seconds=row.catchup_seconds))
    state = ScheduleState(note=f"revision {row.revision}", paused=row.paused)
    return Followed(
        row.id, row.account_id, row.revision, Schedule(action, _spec(row), policy, state)
    )


async def follow(client: Client, wanted: Followed) -> None:
    """Have Temporal's schedule be as it is wanted: made, changed, or deleted.

    :raises RPCError: when the server does not do it.
    """
    handle, made = client.get_schedule_handle(PREFIX + str(wanted.schedule_id)), wanted.made
    try:
        if made is None:
            await handle.delete()
        else:
            await handle.update(lambda _: ScheduleUpdate(made))
    except RPCError as fault:
        if fault.status != RPCStatusCode.NOT_FOUND:
            raise
        if made is not None:
            await _create(client, wanted, made)


async def next_times(client: Client, schedule_id: UUID) -> Sequence[datetime] | None:
    """Return when a schedule is due next, up to ten times; nothing when Temporal has no such schedule.

    :raises RPCError: when the server does not say.
    """
    try:
        return (
            await client.get_schedule_handle(PREFIX + str(schedule_id)).describe()
        ).info.next_action_times
    except RPCError as fault:
        if fault.status != RPCStatusCode.NOT_FOUND:
            raise
        return None


async def backfill(client: Client, gap: Gap) -> None:
    """Have a schedule make up for a stretch of time, one execution after the other.

    A time that has made its execution makes no other one.

    :raises RPCError: when the server does not do it.
    """
    handle = client.get_schedule_handle(PREFIX + str(gap.schedule_id))
    since, until = (datetime.fromtimestamp(at, UTC) for at in (gap.since, gap.until))
    await handle.backfill(ScheduleBackfill(since, until, ScheduleOverlapPolicy.BUFFER_ALL))


async def there(client: Client, account_id: UUID | str | None = None) -> AsyncIterator[UUID]:
    """Yield the schedules that Temporal has, of one account or of all; a moment behind the truth."""
    query = None if account_id is None else f"{temporal.ACCOUNT.name} = '{account_id}'"
    async for found in await client.list_schedules(query):
        if found.id.startswith(PREFIX):
            yield UUID(found.id.removeprefix(PREFIX))


async def _create(client: Client, wanted: Followed, made: Schedule) -> None:
    attribute = SearchAttributePair(temporal.ACCOUNT, str(wanted.account_id))
    schedule_id = PREFIX + str(wanted.schedule_id)
    try:
        await client.create_schedule(
            schedule_id, made, search_attributes=TypedSearchAttributes([attribute])
        )
    except ScheduleAlreadyRunningError:  # somebody else has just made it
        await client.get_schedule_handle(schedule_id).update(lambda _: ScheduleUpdate(made))


def _spec(row: Row) -> ScheduleSpec:
    found = ScheduleSpec(
        start_at=row.start_at,
        end_at=row.end_at,
        jitter=timedelta(seconds=row.jitter_seconds),
        time_zone_name=row.timezone,
    )
    if row.every is not None:
        offset = int(row.counted_from.timestamp()) % row.every
        found.intervals = [
            ScheduleIntervalSpec(timedelta(seconds=row.every), timedelta(seconds=offset))
        ]
    else:
        found.calendars = cron.of_cron(row.cron or "")
    return found
