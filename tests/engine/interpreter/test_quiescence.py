"""A new run at every safe point: what one run gives, many give."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle

from tests.engine.interpreter.conftest import Execute
from tests.engine.interpreter.test_replay import replay

Steps = list[dict[str, Any]]


def adding(name: str, **surroundings: Any) -> dict[str, Any]:
    return {name: {"set": {"path": f'${{ (.path // []) + ["{name}"] }}'}, **surroundings}}


FAIL = {
    "fail": {
        "raise": {"error": {"type": "urn:x", "status": 500, "detail": "${ .path | tostring }"}}
    }
}
COUNTED = {"set": {"n": "${ (.n // 0) + 1 }"}}
COUNT = {"count": COUNTED}
LOOP = {
    "for": {"each": "e", "in": "[range(4)]"},
    "while": "$e < 3",
    "do": [adding("a"), {"nap": {"wait": {"milliseconds": 20}}}, adding("b")],
}
BRANCHES = [
    {"quick": adding("q")["q"]},
    {"nested": {"do": [adding("x"), {"nap": {"wait": {"milliseconds": 60}}}, {"each": LOOP}]}},
    {"late": {"do": [{"nap": {"wait": {"milliseconds": 30}}}, adding("y")]}},
]
CASES: dict[str, Steps] = {
    "a list": [adding("a"), adding("b"), adding("c")],
    "lists in lists": [
        {"in": {"do": [adding("a"), {"on": {"do": [adding("b"), adding("c")]}}]}},
        adding("d"),
    ],
    "exit": [{"in": {"do": [adding("a"), adding("b", then="exit"), adding("c")]}}, adding("d")],
    "end": [{"in": {"do": [adding("a"), adding("b", then="end"), adding("c")]}}, adding("d")],
    "back": [
        COUNT,
        {
            "turn": {
                "switch": [{"again": {"when": ".n < 4", "then": "count"}}, {"on": {"then": "done"}}]
            }
        },
        {"done": {"set": {"all": "${ . }"}}},
    ],
    "a loop": [{"each": LOOP}],
    "branches": [
        adding("a"),
        {"all": {"fork": {"branches": BRANCHES}}},
        {"last": {"set": {"all": "${ . }"}}},
    ],
    "a race": [
        {
            "race": {
                "fork": {
                    "compete": True,
                    "branches": [
                        {"slow": {"do": [adding("s"), {"nap": {"wait": "PT20S"}}]}},
                        {"bad": {"do": [adding("b"), FAIL]}},
                        {
                            "good": {
                                "do": [
                                    adding("g"),
                                    {"nap": {"wait": {"milliseconds": 80}}},
                                    adding("w"),
                                ]
                            }
                        },
                    ],
                }
            }
        }
    ],
    "a fault among branches": [
        {"all": {"fork": {"branches": [*BRANCHES, {"bad": {"do": [adding("b"), FAIL]}}]}}}
    ],
    "retries": [
        {
            "again": {
                "try": [adding("a"), adding("b"), FAIL],
                "catch": {
                    "as": "e",
                    "retry": {"delay": {"milliseconds": 20}, "limit": {"attempt": {"count": 2}}},
                    "do": [
                        adding("c"),
                        {"tell": {"set": {"said": "${ $e.detail }", "at": "${ $e.instance }"}}},
                    ],
                },
            }
        }
    ],
    "an export": [
        adding("a", export={"as": "${ {seen: .path} }"}),
        adding("b", export={"as": "${ $context + {more: .path} }"}),
        {"tell": {"set": {"context": "${ $context }", "input": "${ $workflow.input }"}}},
    ],
    "what was there before": [
        {
            "outer": {
                "do": [adding("a"), adding("b"), adding("c")],
                "input": {"from": "${ {path: [$task.startedAt.iso8601]} }"},
                "output": {
                    "as": "${ {same: (.path[0] == $task.startedAt.iso8601), rest: .path[1:]} }"
                },
            }
        },
        adding("d", **{"if": "${ .same }"}),
    ],
}


async def runs(client: Client, handle: WorkflowHandle[Any, Any]) -> list[list[HistoryEvent]]:
    """Return the events of every run of an execution, the first run first."""
    found, run_id = [], handle.first_execution_run_id
    while run_id:
        history = await client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()
        await replay(history)
        found.append(list(history.events))
        last = history.events[-1]
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return found


def of(events: list[HistoryEvent], kind: EventType.ValueType) -> list[HistoryEvent]:
    return [event for event in events if event.event_type == kind]


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
    ran = await execute(
        [{"both": {"fork": {"branches": [{"one": each}, {"two": each}]}}}], {}, rests_every=1
    )
    assert ran.output == [{"path": "/"}, {"path": "/"}]
    histories = await runs(temporal, ran.handle)
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
    ran = await execute(steps, {}, rests_every=1)
    assert (ran.error["status"], ran.error["detail"]) == (408, "it took longer than 3 s")
    histories = await runs(temporal, ran.handle)
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
    ran = await execute([{"each": each}], {"text": "x" * 400_000})
    assert (len(ran.output["text"]), ran.output["n"]) == (400_000, 11)
    assert (
        len(await runs(temporal, ran.handle)) > 1
    )  # a history of 4 MB is where the server suggests it


async def test_pure_steps_leave_no_trace_in_the_history(execute: Execute, temporal: Client) -> None:
    lengths = []
    for count in (1, 100):
        steps = [{"each": {"for": {"in": list(range(count))}, "do": [COUNT]}}]
        (events,) = await runs(temporal, (await execute(steps, {})).handle)
        lengths.append(len(events))
    assert lengths[0] == lengths[1]


async def test_the_reply_of_the_last_run_reaches_who_awaits_the_first(execute: Execute) -> None:
    ran = await execute(CASES["a list"], {}, reply_key={"kty": "OKP"}, rests_every=1)
    assert await ran.handle.result() == "a.sealed.reply"
