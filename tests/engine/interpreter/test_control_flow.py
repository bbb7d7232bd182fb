from __future__ import annotations

from typing import Any

import pytest

from tests.support.interpreter.executions import Execute

pytestmark = pytest.mark.stack


Steps = list[dict[str, Any]]


def setting(name: str, **surroundings: Any) -> dict[str, Any]:
    return {name: {"set": {"path": f'${{ (.path // []) + ["{name}"] }}'}, **surroundings}}


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        ([setting("a", then="c"), setting("b"), setting("c")], ["a", "c"]),
        ([setting("a", then="end"), setting("b")], ["a"]),
        ([setting("a", then="continue"), setting("b")], ["a", "b"]),
        ([{"in": {"do": [setting("a", then="exit"), setting("b")]}}, setting("c")], ["a", "c"]),
        ([{"in": {"do": [setting("a", then="end"), setting("b")]}}, setting("c")], ["a"]),
        ([{"in": {"do": [setting("a")], "then": "d"}}, setting("c"), setting("d")], ["a", "d"]),
        ([setting("a"), setting("b", **{"if": "false"}), setting("c")], ["a", "c"]),
        ([setting("a"), setting("b", **{"if": '${ .path == ["a"] }'})], ["a", "b"]),
    ],
)
async def test_then_says_where_the_flow_goes(
    execute: Execute, steps: Steps, path: list[str]
) -> None:
    assert (await execute(steps, {})).output == {"path": path}


async def test_then_may_lead_back(execute: Execute) -> None:
    cases = [{"again": {"when": ".n < 3", "then": "count"}}, {"done": {"then": "end"}}]
    steps = [{"count": {"set": {"n": "${ .n + 1 }"}}}, {"turn": {"switch": cases}}]
    assert (await execute(steps, {"n": 0})).output == {"n": 3}


@pytest.mark.parametrize(("color", "path"), [("red", ["red"]), ("blue", ["other"])])
async def test_switch_takes_the_first_case_that_holds(
    execute: Execute, color: str, path: list[str]
) -> None:
    cases = [{"rest": {"then": "other"}}, {"red": {"when": '.color == "red"', "then": "red"}}]
    steps = [{"which": {"switch": cases}}, setting("red", then="end"), setting("other", then="end")]
    assert (await execute(steps, {"color": color})).output == {"path": path}


async def test_a_loop_feeds_each_round_with_the_one_before(execute: Execute) -> None:
    loop = {
        "for": {"each": "n", "in": ".numbers", "at": "i"},
        "while": "$i < 3",
        "do": [{"add": {"set": {"numbers": "${ .numbers }", "sum": "${ (.sum // 0) + $n }"}}}],
    }
    execution = await execute([{"loop": loop}], {"numbers": [1, 2, 3, 4]})
    assert execution.output["sum"] == 6


async def test_a_loop_over_nothing_gives_its_input(execute: Execute) -> None:
    loop = {"for": {"in": []}, "do": [{"never": {"set": {"a": 1}}}]}
    assert (await execute([{"loop": loop}], {"kept": True})).output == {"kept": True}


async def test_a_loop_over_what_is_no_array_fails_there(execute: Execute) -> None:
    loop = {"for": {"in": ".x"}, "do": [{"never": {"set": {"a": 1}}}]}
    execution = await execute([{"loop": loop}], {"x": 1})
    assert (execution.error["instance"], execution.error["status"]) == ("/do/0/loop", 400)


async def test_branches_run_side_by_side_and_give_all_outputs(execute: Execute) -> None:
    branches = [
        {"a": {"do": [{"w": {"wait": "PT0.1S"}}, {"s": {"set": {"v": 1}}}]}},
        {"b": {"set": {"v": 2}}},
    ]
    execution = await execute([{"both": {"fork": {"branches": branches}}}], {})
    assert execution.output == [{"v": 1}, {"v": 2}]


async def test_competing_branches_give_the_first_success(execute: Execute) -> None:
    slow = {"slow": {"do": [{"w": {"wait": "PT30S"}}, {"s": {"set": {"v": 1}}}]}}
    failing = {"broken": {"raise": {"error": {"type": "about:blank", "status": 500}}}}
    quick = {"quick": {"do": [{"w": {"wait": {"milliseconds": 50}}}, {"s": {"set": {"v": 3}}}]}}
    execution = await execute(
        [{"race": {"fork": {"compete": True, "branches": [slow, failing, quick]}}}], {}
    )
    assert execution.output == {"v": 3}


async def test_the_first_fault_of_a_fork_fails_it_and_cancels_the_rest(execute: Execute) -> None:
    branches = [
        {"slow": {"wait": "PT30S"}},
        {"bad": {"raise": {"error": {"type": "urn:x", "status": 409}}}},
    ]
    execution = await execute([{"both": {"fork": {"branches": branches}}}], {})
    assert (execution.error["type"], execution.error["instance"]) == (
        "urn:x",
        "/do/0/both/fork/branches/1/bad",
    )


async def test_emit_gives_a_whole_event(execute: Execute) -> None:
    event = {
        "type": "com.example.greeted",
        "source": "https://example.com",
        "data": {"to": "${ .name }"},
    }
    execution = await execute([{"tell": {"emit": {"event": {"with": event}}}}], {"name": "Ada"})
    assert execution.output.keys() == {"id", "specversion", "time", "source", "type", "data"}
    assert execution.output["data"] == {"to": "Ada"}


async def test_a_flow_that_never_ends_is_ended(execute: Execute) -> None:
    execution = await execute([{"round": {"set": {"a": 1}, "then": "round"}}], {})
    assert execution.error["detail"] == "more than 10000 steps were walked (stepsWalked)"


async def test_no_try_catches_a_program_that_breaks_its_budget(execute: Execute) -> None:
    bomb = {"bomb": {"set": {"a": "${ last(range(infinite)) }"}}}
    catching = {"try": [bomb], "catch": {"do": [{"never": {"set": {"a": 1}}}]}}
    execution = await execute([{"guarded": catching}], {})
    assert "more time or memory" in execution.error["detail"]
    assert execution.trail == ["guarded", "bomb"]


async def test_data_that_doubles_is_stopped_before_it_is_written_out(execute: Execute) -> None:
    double = {"double": {"set": {"a": "${ . }", "b": "${ . }"}, "then": "double"}}
    execution = await execute([double], {"seed": "x" * 1000})
    assert "more data than a step may hold" in execution.error["detail"]


async def test_data_that_nests_without_end_is_stopped(execute: Execute) -> None:
    execution = await execute([{"nest": {"set": {"a": "${ . }"}, "then": "nest"}}], {})
    assert "nested deeper" in execution.error["detail"]


async def test_expressions_that_use_too_much_together_end_the_execution(execute: Execute) -> None:
    busy = {"busy": {"set": {"a": "${ reduce range(20000) as $i (0; . + 1) }"}, "then": "busy"}}
    execution = await execute([busy], {})
    assert "without a pause" in execution.error["detail"]


async def test_a_workflow_that_takes_too_long_is_a_timeout(execute: Execute) -> None:
    execution = await execute(
        [{"slow": {"wait": "PT30S"}}], {}, timeout={"after": {"milliseconds": 50}}
    )
    assert (execution.error["status"], execution.error["detail"]) == (
        408,
        "it took longer than 0.05 s",
    )
