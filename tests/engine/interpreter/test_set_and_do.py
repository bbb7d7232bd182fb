from __future__ import annotations

import pytest

from tests.support.interpreter.executions import Execute

pytestmark = pytest.mark.stack


async def test_set_gives_its_template_evaluated_on_the_input(execute: Execute) -> None:
    execution = await execute(
        [{"make": {"set": {"a": "${ .x + 1 }", "b": ["${ .x }", "plain"]}}}], {"x": 1}
    )
    assert execution.output == {"a": 2, "b": [1, "plain"]}


async def test_each_step_runs_on_what_the_one_before_gave(execute: Execute) -> None:
    inner = [
        {name: {"set": {"colors": f'${{ .colors + ["{name}"] }}'}}} for name in ("red", "green")
    ]
    execution = await execute([{"outer": {"do": inner}}], {})
    assert execution.output == {"colors": ["red", "green"]}
    assert execution.trail == ["outer", "red", "green"]


async def test_pure_steps_leave_nothing_in_the_history(execute: Execute) -> None:
    steps = [{f"s{n}": {"set": {"n": "${ (.n // 0) + 1 }"}}} for n in range(50)]
    execution = await execute(steps, {})
    kinds = [event.event_type async for event in execution.handle.fetch_history_events()]
    assert execution.output == {"n": 50}
    assert len(kinds) == 7  # started, one workflow task, two local activities' markers, completed


async def test_expressions_in_data_are_never_evaluated(execute: Execute) -> None:
    execution = await execute([{"echo": {"set": {"said": "${ .said }"}}}], {"said": "${ 1 + 1 }"})
    assert execution.output == {"said": "${ 1 + 1 }"}


async def test_a_failing_expression_fails_the_execution_and_says_where(execute: Execute) -> None:
    execution = await execute([{"bad": {"set": {"a": '${ .x + {"y": 1} }'}}}], {"x": 1})
    assert execution.error["type"].endswith("/errors/expression")
    assert (execution.error["status"], execution.error["instance"]) == (400, "/do/0/bad")
    assert execution.failure is not None
    assert "type='expression'" in repr(execution.failure) or execution.failure.type == "expression"  # type: ignore[attr-defined]
