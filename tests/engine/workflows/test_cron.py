"""Cron expressions, as Temporal's schedules go by them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    ScheduleState,
)
from uuid_utils.compat import uuid7

from bin.devtools.stack.servers import Stack
from engine.workflows.schedules import cron

pytestmark = pytest.mark.stack


SPECIAL = [
    "*/7 3-5 * * *",
    "0 12 * * 5#2",
    "0 12 * * 1#5",
    "30 4 1,15 * 5",
    "30 4 */2 * 5",
    "0 0 31 * 1",
    "0 0 29 2 *",
    "0 6 1-7 * 7",
    "*/20 * * * * *",
    "5 4 * * SUN,WED#3",
    "0 0 13 * 5#2",
]


@pytest.fixture(scope="module")
async def temporal(stack: Stack) -> Client:
    return await Client.connect(stack.temporal_address, namespace=stack.temporal_namespace)


async def told(temporal: Client, spec: ScheduleSpec) -> list[datetime]:
    """Return the next times of a schedule as Temporal counts them."""
    action = ScheduleActionStartWorkflow("never", id="never", task_queue="nowhere")
    made = Schedule(action, spec, state=ScheduleState(paused=True))
    handle = await temporal.create_schedule(str(uuid7()), made)
    found = (await handle.describe()).info.next_action_times
    await handle.delete()
    return list(found)


@pytest.mark.parametrize("expression", SPECIAL)
async def test_temporal_is_due_when_the_expression_says(temporal: Client, expression: str) -> None:
    # From a moment of its own on, which the server's clock does not pass meanwhile.
    start = datetime(2027, 12, 30, 23, 59, 59, tzinfo=UTC)
    spec = ScheduleSpec(calendars=cron.of_cron(expression), start_at=start + timedelta(seconds=1))
    times = await told(temporal, spec)
    assert times == list(islice(CronSim(expression, start), 10))
    assert all(cron.matches(expression, at) for at in times)
    off = times[0] + timedelta(seconds=1)
    assert not cron.matches(expression, off)


async def test_an_hour_that_clocks_skip_is_skipped_and_one_they_repeat_counts_once(
    temporal: Client,
) -> None:
    start = datetime(2027, 10, 25, tzinfo=UTC)
    spec = ScheduleSpec(
        calendars=cron.of_cron("30 2 * 3,10 SUN"), start_at=start, time_zone_name="Europe/Berlin"
    )
    found = await told(temporal, spec)
    in_march = {at.day for at in found if (at.year, at.month) == (2028, 3)}
    assert in_march == {5, 12, 19}  # on the 26th it is never half past two
    in_october = [at for at in found if (at.year, at.month, at.day) == (2027, 10, 31)]
    assert in_october == [datetime(2027, 10, 31, 1, 30, tzinfo=UTC)]  # the second of the two
