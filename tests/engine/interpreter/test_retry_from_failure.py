"""A retry continues in another execution at the failed task; completed tasks do not run again."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from engine.errors import InvalidError
from tests.support.interpreter.executions import CompletedExecution, Execute
from tests.support.interpreter.rests import adding
from tests.support.interpreter.retries import GATE, OPEN, RAISED, SHUT, USE, WHOLE, Steps

pytestmark = pytest.mark.stack


FUN = {"do": [adding("x"), GATE, adding("y")]}


async def retried(
    execute: Execute, steps: Steps, left: CompletedExecution, **top: Any
) -> CompletedExecution:
    assert left.settlement.left is not None
    return await execute(steps, left=left.settlement.left, use=top.pop("use", USE), **top)


@pytest.mark.parametrize("case", WHOLE)
async def test_a_retry_ends_as_if_nothing_had_failed_and_does_nothing_twice(
    execute: Execute, case: str
) -> None:
    steps, use = WHOLE[case], USE | {"functions": {"fun": FUN}}
    straight = await execute(steps, use=use, secrets=OPEN)
    failed = await execute(steps, use=use, secrets=SHUT)
    assert failed.error
    again = await retried(execute, steps, failed, use=use, secrets=OPEN)

    assert again.output == straight.output
    for name in "abcdxy":
        twice = failed.trail.count(name) + again.trail.count(name)
        assert twice == straight.trail.count(name), name


async def test_what_fails_again_can_be_retried_again(execute: Execute) -> None:
    steps = WHOLE["a list in a list"]
    failed = await execute(steps, use=USE, secrets=SHUT)
    again = await retried(execute, steps, failed, secrets=SHUT)
    assert again.error["instance"] == failed.error["instance"] == "/do/0/in/do/1/gate"
    last = await retried(execute, steps, again, secrets=OPEN)
    assert last.output == {"path": ["a", "b", "c"]}
    assert again.trail == ["gate"]


async def test_a_retry_rests_and_goes_on_as_every_execution_does(execute: Execute) -> None:
    steps = WHOLE["a branch"]
    failed = await execute(steps, use=USE, secrets=SHUT)
    again = await retried(execute, steps, failed, secrets=OPEN, rests_every=1)
    assert again.output == {"all": [{"path": ["a", "b"]}, {"path": ["c", "d"]}]}


async def test_what_was_waited_is_not_waited_again(execute: Execute) -> None:
    nap = {"nap": {"wait": {"milliseconds": 1_000}}}
    limit = {"after": {"milliseconds": 700}}
    steps: Steps = [{"slow": {"do": [adding("a"), nap, adding("b")], "timeout": limit}}]
    failed = await execute(steps, use=USE, secrets=OPEN)
    assert failed.error["status"] == 408
    again = await retried(execute, steps, failed, secrets=OPEN)
    assert again.output == {"path": ["a", "b"]}


async def test_limits_of_time_count_anew(execute: Execute) -> None:
    steps: Steps = [adding("a"), {"slow": {"wait": {"milliseconds": 300}}}, GATE]
    limit = {"after": {"milliseconds": 700}}
    failed = await execute(steps, use=USE, secrets=SHUT, timeout=limit)
    again = await retried(execute, steps, failed, secrets=SHUT, timeout=limit)
    assert [failed.error["type"], again.error["type"]] == ["urn:x", "urn:x"]


def changed(steps: Steps, *path: Any, to: Any) -> Steps:
    new: Any = copy.deepcopy(steps)
    place = new
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return list(new)


class TestOnAnotherVersion:
    """The steps are found again by their names."""

    async def test_a_mended_step_begins_anew(self, execute: Execute) -> None:
        steps: Steps = [adding("a"), {"bad": RAISED}, adding("b")]
        failed = await execute(steps)
        again = await execute(
            [adding("new"), adding("a"), adding("bad"), adding("b")], left=failed.settlement.left
        )
        assert again.output == {"path": ["a", "bad", "b"]}

    async def test_steps_are_found_in_lists_within_lists(self, execute: Execute) -> None:
        for case in ("a list in a list", "a try that gave up", "a handler", "a branch", "a loop"):
            steps = WHOLE[case]
            straight = await execute(steps, use=USE, secrets=OPEN)
            failed = await execute(steps, use=USE, secrets=SHUT)
            moved: Any = [adding("before"), *_mended(steps)]
            again = await retried(execute, moved, failed, secrets=SHUT)
            assert again.output == straight.output, case

    async def test_a_function_that_has_changed_is_called_anew(self, execute: Execute) -> None:
        steps = WHOLE["a function"]
        failed = await execute(steps, use=USE | {"functions": {"fun": FUN}}, secrets=SHUT)
        mended = {"do": [adding("z")]}
        again = await retried(execute, steps, failed, use={"functions": {"fun": mended}})
        assert again.trail == ["f", "fun", "z", "b"]

    async def test_a_step_that_is_gone_is_told_with_its_place(self, execute: Execute) -> None:
        steps = WHOLE["a list in a list"]
        failed = await execute(steps, use=USE, secrets=SHUT)
        gone = changed(steps, 0, "in", "do", to=[adding("a"), adding("b")])
        with pytest.raises(InvalidError) as refused:
            await retried(execute, gone, failed, secrets=OPEN)
        assert refused.value.code == "retry_unmatched"
        assert refused.value.faults[0].pointer == "/do/0/in/do/1/gate"

    async def test_a_fork_whose_branches_have_changed_is_refused(self, execute: Execute) -> None:
        steps = WHOLE["a branch"]
        failed = await execute(steps, use=USE, secrets=SHUT)
        fewer = changed(
            steps, 0, "all", "fork", "branches", to=steps[0]["all"]["fork"]["branches"][:1]
        )
        with pytest.raises(InvalidError) as refused:
            await retried(execute, fewer, failed, secrets=OPEN)
        assert refused.value.faults[0].pointer == "/do/0/all/fork/branches"


def _mended(part: Any) -> Any:
    """Return steps whose gates are none any more, whatever the mood."""
    if isinstance(part, list):
        return [_mended(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        name: {"set": "${ . }"} if name == "gate" else _mended(value)
        for name, value in part.items()
    }


async def test_an_execution_that_completed_leaves_nothing(execute: Execute) -> None:
    execution = await execute([adding("a")])
    assert execution.settlement.left is None
