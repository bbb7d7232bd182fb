"""A new run at every safe point: what one run gives, many give."""

from __future__ import annotations

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from tests.support.interpreter.executions import Execute
from tests.support.interpreter.rests import CASES, COUNT, of, runs

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("case", CASES)
async def test_an_execution_in_many_runs_ends_as_one_in_a_single_run(
    execute: Execute, temporal: Client, case: str
) -> None:
    whole = await execute(CASES[case], {"path": ["in"]})
    parts = await execute(CASES[case], {"path": ["in"]}, rests_every=1)
    assert len(await runs(temporal, whole.handle)) == 1
    assert len(await runs(temporal, parts.handle)) > 1
    assert parts.settlement.result == whole.settlement.result
    assert parts.settlement.error == whole.settlement.error
    assert sorted(parts.trail) == sorted(whole.trail)


async def test_no_call_is_made_twice_and_what_is_in_flight_is_waited_for(
    execute: Execute, temporal: Client, service: int
) -> None:
    ask = {"call": "http", "with": {"method": "get", "endpoint": f"http://127.0.0.1:{service}/"}}
    each = {
        "for": {"in": "[range(3)]"},
        "do": [{"ask": ask}, {"then": {"set": {"path": "${ .path }"}}}],
    }
    execution = await execute(
        [{"both": {"fork": {"branches": [{"one": each}, {"two": each}]}}}], {}, rests_every=1
    )
    assert execution.output == [{"path": "/"}, {"path": "/"}]
    histories = await runs(temporal, execution.handle)
    asked = [
        event
        for events in histories
        for event in of(events, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    ]
    ids = {event.activity_task_scheduled_event_attributes.activity_id for event in asked}
    assert len(asked) == len(ids) == 6
    assert len(histories) > 3


async def test_waits_and_timeouts_end_when_they_were_to_end_at_first(
    execute: Execute, temporal: Client
) -> None:
    busy = {"for": {"in": "[range(500)]"}, "do": [{"nap": {"wait": {"milliseconds": 20}}}]}
    branches = [{"slow": {"wait": "PT30S"}}, {"busy": busy}]
    steps = [{"all": {"fork": {"branches": branches}, "timeout": {"after": "PT3S"}}}]
    execution = await execute(steps, {}, rests_every=1)
    assert (execution.error["status"], execution.error["detail"]) == (
        408,
        "it took longer than 3 s",
    )
    histories = await runs(temporal, execution.handle)
    timers = [
        event for events in histories for event in of(events, EventType.EVENT_TYPE_TIMER_STARTED)
    ]
    seconds = [
        event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta().total_seconds()
        for event in timers
    ]
    waits, limits = [s for s in seconds if s > 10], [s for s in seconds if 0.05 < s < 10]
    assert len(waits) > 3
    assert len(limits) > 3
    assert waits == sorted(set(waits), reverse=True)
    assert limits == sorted(set(limits), reverse=True)


async def test_a_new_run_goes_on_when_temporal_suggests_it(
    execute: Execute, temporal: Client, service: int
) -> None:
    endpoint = f"http://127.0.0.1:{service}/"
    ask = {"call": "http", "with": {"method": "put", "endpoint": endpoint, "body": "${ .text }"}}
    keep = {"set": {"text": "${ .body }", "n": "${ $i }"}}
    each = {"for": {"in": "[range(12)]", "at": "i"}, "do": [{"ask": ask}, {"keep": keep}]}
    execution = await execute([{"each": each}], {"text": "x" * 400_000})
    assert (len(execution.output["text"]), execution.output["n"]) == (400_000, 11)
    assert (
        len(await runs(temporal, execution.handle)) > 1
    )  # a history of 4 MB is where the server suggests it


async def test_pure_steps_leave_no_trace_in_the_history(execute: Execute, temporal: Client) -> None:
    lengths = []
    for count in (1, 100):
        steps = [{"each": {"for": {"in": list(range(count))}, "do": [COUNT]}}]
        (events,) = await runs(temporal, (await execute(steps, {})).handle)
        lengths.append(len(events))
    assert lengths[0] == lengths[1]


async def test_the_reply_of_the_last_run_reaches_who_awaits_the_first(execute: Execute) -> None:
    execution = await execute(CASES["a list"], {}, reply_key={"kty": "OKP"}, rests_every=1)
    assert await execution.handle.result() == "a.sealed.reply"
