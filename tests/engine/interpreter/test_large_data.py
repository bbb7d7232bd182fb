"""Large data through many tasks: the execution yields to Temporal by the weight of its work."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from engine.expressions.sandbox import pool
from engine.expressions.templates import compact, fill, prepare
from tests.support.interpreter.children import until_the_machine_has_time
from tests.support.interpreter.executions import CompletedExecution, Execute
from tests.support.interpreter.replays import replay
from tests.support.interpreter.rests import of

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
                        "branches": [
                            {f"b{n}": {"do": many(20, {"set": "${ . | . }"})}} for n in range(8)
                        ]
                    }
                }
            }
        ],
        [1] * 5_000,
    ),
}


@pytest.mark.stack
@pytest.mark.parametrize("case", CASES)
async def test_it_ends(execute: Execute, case: str) -> None:
    steps, data = CASES[case]
    execution = await execute(steps, data, output={"as": "${ . | length > 0 }"})
    assert execution.output is True


async def turns(execution: CompletedExecution) -> int:
    history = await execution.handle.fetch_history()
    await replay(history)
    return len(of(list(history.events), EventType.EVENT_TYPE_TIMER_STARTED))


@pytest.mark.stack
async def test_a_hundred_programs_take_a_turn(execute: Execute) -> None:
    steps = many(150, {"set": {"n": "${ .n | . + 1 }"}})
    assert await turns(await execute(steps, {"n": 1})) == 1


@pytest.mark.stack
async def test_plain_steps_take_no_turn(execute: Execute) -> None:
    assert await turns(await execute(many(150, {"set": {"n": "${ .n }"}}), {"n": 1})) == 0


@pytest.mark.stack
async def test_an_event_of_many_attributes_is_emitted(execute: Execute) -> None:
    attributes = {"type": "t"} | {f"a{number}": number for number in range(80)}
    execution = await execute([{"e": {"emit": {"event": {"with": attributes}}}}], {})
    assert {name: execution.output[name] for name in attributes} == attributes


@pytest.mark.unit
def test_who_looks_into_a_template_finds_its_lists_and_objects() -> None:
    wanted = {"data": {f"m{number}": [number] * 70 for number in range(70)}}
    assert prepare(wanted) == wanted
    given = fill(compact(prepare(wanted | {"p": "${ . }"})), lambda _: 1)
    assert given == wanted | {"p": 1}


@pytest.mark.stack
async def test_strands_together_hold_no_more_than_an_execution_may(execute: Execute) -> None:
    hold = {"do": [{"s": {"set": {"a": '${ "x" * 900000 }'}}}, {"w": {"wait": "PT20S"}}]}
    inner = {"fork": {"branches": [{f"b{number}": hold} for number in range(8)]}}
    steps: Steps = [{"f": {"fork": {"branches": [{f"f{number}": inner} for number in range(8)]}}}]
    execution = await execute(steps, {})
    limit = "33554432 bytes (executionDataBytes)"
    assert execution.error["detail"] == f"all data of the execution together is more than {limit}"


@pytest.mark.stack
async def test_the_same_data_in_many_strands_is_held_once(execute: Execute) -> None:
    hold = {"do": [{"s": {"set": "${ . }"}}, {"w": {"wait": "PT0.1S"}}, {"g": {"set": "${ 1 }"}}]}
    inner = {"fork": {"branches": [{f"b{number}": hold} for number in range(20)]}}
    steps: Steps = [
        {"s": {"set": {"a": '${ "x" * 900000 }'}}},
        {"f": {"fork": {"branches": [{f"f{number}": inner} for number in range(10)]}}},
    ]
    assert (await execute(steps, {})).output == [[1] * 20] * 10


SHAPES: dict[str, Any] = {
    "numbers": NUMBERS,
    "arrays": [[] for _ in range(250_000)],
    "objects": [{"a": 1} for _ in range(75_000)],
    "text": "x" * 1_000_000,
}


@pytest.mark.unit
@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_step_may_hold_can_be_evaluated_again_and_again(shape: str) -> None:
    one, data = pool.Pool(1), SHAPES[shape]
    answers = {
        len(until_the_machine_has_time(lambda: one.evaluate(".", data)).value) for _ in range(6)
    }
    one.close()
    assert answers == {len(data)}
