"""Executions that go on in new runs, and the histories of these runs."""

from __future__ import annotations

from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle

from tests.support.interpreter.replays import replay

Steps = list[dict[str, Any]]


def adding(name: str, **surroundings: Any) -> dict[str, Any]:
    return {name: {"set": {"path": f'${{ (.path // []) + ["{name}"] }}'}, **surroundings}}


FAIL = {
    "fail": {
        "raise": {"error": {"type": "urn:x", "status": 500, "detail": "${ .path | tostring }"}}
    }
}
COUNTED_PHASES = {"set": {"n": "${ (.n // 0) + 1 }"}}
COUNT = {"count": COUNTED_PHASES}
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
    histories, run_id = [], handle.first_execution_run_id
    while run_id:
        history = await client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()
        await replay(history)
        histories.append(list(history.events))
        last = history.events[-1]
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return histories


def of(events: list[HistoryEvent], kind: EventType.ValueType) -> list[HistoryEvent]:
    return [event for event in events if event.event_type == kind]
