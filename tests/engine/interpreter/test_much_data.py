"""Much data through many steps: the walk lets Temporal have its turn by what it did, not by steps alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from uuid_utils.compat import uuid7

from bin.local.broker import Broker, Memory
from engine.interpreter import contracts
from engine.interpreter.expressions import pool
from tests.engine.interpreter.conftest import HEADER, Execute
from tests.engine.interpreter.test_expressions import until_the_machine_has_time
from tests.engine.interpreter.test_replay import replay
from tests.engine.interpreter.test_rests import of

NUMBERS = [1] * 250_000
RECORDS = [{"id": number} for number in range(10_000)]
Steps = list[dict[str, Any]]


def many(count: int, body: dict[str, Any]) -> Steps:
    return [{f"s{number}": body} for number in range(count)]


def rounds(count: int, body: dict[str, Any]) -> Steps:
    return [{"r": {"for": {"in": f"${{ [range({count})] }}"}, "do": [{"s": body}]}}]


CASES: dict[str, tuple[Steps, Any]] = {
    "passed on": (many(300, {"set": "${ . }"}), NUMBERS),
    "put into another": (many(300, {"set": {"a": "${ .a }"}}), {"a": NUMBERS}),
    "exported": (many(300, {"set": "${ . }", "export": {"as": "${ . }"}}), {"a": RECORDS}),
    "written out": (rounds(300, {"set": {"a": [[1]] * 30_000, "b": "${ $item }"}}), {}),
    "written out in parts": (rounds(20, {"set": {"a": [["${ $item }"]] * 5_000}}), {}),
    "evaluated": (many(20, {"set": "${ . | . }"}), NUMBERS[:100_000]),
    "evaluated side by side": (
        [
            {
                "f": {
                    "fork": {
                        "branches": [{f"b{n}": {"do": many(20, {"set": "${ . | . }"})}} for n in range(8)]
                    }
                }
            }
        ],
        [1] * 5_000,
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_it_ends(execute: Execute, case: str) -> None:
    steps, data = CASES[case]
    ran = await execute(steps, data, counted=True, output={"as": "${ . | length > 0 }"})
    assert ran.output is True


@pytest.fixture
def start(temporal: Client, memory: Memory, broker: Broker, queue: str) -> Callable[..., Any]:
    async def start(steps: Steps, **changes: Any) -> int:
        """Execute steps under other conditions and return how many turns were taken."""
        execution_id = str(uuid7())
        broker.open(execution_id, execution_id, {"document": HEADER, "do": steps}, {"n": 1})
        memory.openings[execution_id] = replace(memory.openings[execution_id], **changes)
        handle = await temporal.start_workflow(
            contracts.EXECUTION,
            contracts.ExecutionStart(execution_id, execution_id),
            id=contracts.execution_workflow_id(execution_id),
            task_queue=queue,
            execution_timeout=timedelta(seconds=60),
        )
        await handle.result()
        history = await handle.fetch_history()
        await replay(history)
        return len(of(list(history.events), EventType.EVENT_TYPE_TIMER_STARTED))

    return start


async def test_an_execution_that_began_before_keeps_to_its_turns(start: Callable[..., Any]) -> None:
    steps = many(150, {"set": {"n": "${ .n | . + 1 }"}})
    assert await start(steps) == 1, "a hundred programs of a child are a turn's worth"
    assert await start(steps, interpreter=1) == 0


async def test_plain_steps_take_no_turn(start: Callable[..., Any]) -> None:
    assert await start(many(150, {"set": {"n": "${ .n }"}})) == 0


async def test_strands_together_hold_no_more_than_an_execution_may(execute: Execute) -> None:
    hold = {"do": [{"s": {"set": {"a": '${ "x" * 900000 }'}}}, {"w": {"wait": "PT20S"}}]}
    inner = {"fork": {"branches": [{f"b{number}": hold} for number in range(8)]}}
    steps: Steps = [{"f": {"fork": {"branches": [{f"f{number}": inner} for number in range(8)]}}}]
    ran = await execute(steps, {}, counted=True)
    limit = "33554432 bytes (executionDataBytes)"
    assert ran.error["detail"] == f"all data of the execution together is more than {limit}"


async def test_the_same_data_in_many_strands_is_held_once(execute: Execute) -> None:
    hold = {"do": [{"s": {"set": "${ . }"}}, {"w": {"wait": "PT0.1S"}}, {"g": {"set": "${ 1 }"}}]}
    inner = {"fork": {"branches": [{f"b{number}": hold} for number in range(20)]}}
    steps: Steps = [
        {"s": {"set": {"a": '${ "x" * 900000 }'}}},
        {"f": {"fork": {"branches": [{f"f{number}": inner} for number in range(10)]}}},
    ]
    assert (await execute(steps, {}, counted=True)).output == [[1] * 20] * 10


SHAPES: dict[str, Any] = {
    "numbers": NUMBERS,
    "arrays": [[] for _ in range(250_000)],
    "objects": [{"a": 1} for _ in range(75_000)],
    "text": "x" * 1_000_000,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_step_may_hold_can_be_evaluated_again_and_again(shape: str) -> None:
    one, data = pool.Pool(1), SHAPES[shape]
    answers = {len(until_the_machine_has_time(lambda: one.evaluate(".", data)).value) for _ in range(6)}
    one.close()
    assert answers == {len(data)}
