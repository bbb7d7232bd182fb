from __future__ import annotations

import pytest

from tests.support.interpreter.executions import Execute

pytestmark = pytest.mark.stack


async def test_set_gives_its_template_evaluated_on_the_input(execute: Execute) -> None:
    ran = await execute(
        [{"make": {"set": {"a": "${ .x + 1 }", "b": ["${ .x }", "plain"]}}}], {"x": 1}
    )
    assert ran.output == {"a": 2, "b": [1, "plain"]}


async def test_each_step_runs_on_what_the_one_before_gave(execute: Execute) -> None:
    inner = [
        {name: {"set": {"colors": f'${{ .colors + ["{name}"] }}'}}} for name in ("red", "green")
    ]
    ran = await execute([{"outer": {"do": inner}}], {})
    assert ran.output == {"colors": ["red", "green"]}
    assert ran.trail == ["outer", "red", "green"]


async def test_pure_steps_leave_nothing_in_the_history(execute: Execute) -> None:
    steps = [{f"s{n}": {"set": {"n": "${ (.n // 0) + 1 }"}}} for n in range(50)]
    ran = await execute(steps, {})
    kinds = [event.event_type async for event in ran.handle.fetch_history_events()]
    assert ran.output == {"n": 50}
    assert len(kinds) == 7  # started, one workflow task, two local activities' markers, completed


async def test_expressions_in_data_are_never_evaluated(execute: Execute) -> None:
    ran = await execute([{"echo": {"set": {"said": "${ .said }"}}}], {"said": "${ 1 + 1 }"})
    assert ran.output == {"said": "${ 1 + 1 }"}


async def test_a_failing_expression_fails_the_execution_and_says_where(execute: Execute) -> None:
    ran = await execute([{"bad": {"set": {"a": '${ .x + {"y": 1} }'}}}], {"x": 1})
    assert ran.error["type"].endswith("/errors/expression")
    assert (ran.error["status"], ran.error["instance"]) == (400, "/do/0/bad")
    assert ran.failure is not None
    assert "type='expression'" in repr(ran.failure) or ran.failure.type == "expression"  # type: ignore[attr-defined]
