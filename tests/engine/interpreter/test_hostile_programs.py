"""Every bomb ends as its table says, and an execution beside it ends as if alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.interpreter import documents
from tests.support.interpreter.bombs import BOMBS, ENDED, ERROR, HARMLESS, REFUSED, Bomb
from tests.support.interpreter.executions import HEADER, CompletedExecution, Execute

NEIGHBOUR = [{"count": {"set": {"sum": "${ [range(100)] | add }"}}}]


def catch_all(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks in a `try` that catches every error."""
    answer = {"set": {"caught": '${ $problem.type | split("/") | last }'}}
    return [{"guard": {"try": steps, "catch": {"as": "problem", "do": [{"tell": answer}]}}}]


def kind_of_end(execution: CompletedExecution) -> str:
    if execution.settlement.error is not None:
        assert execution.error["type"].endswith("/runtime"), execution.error
        return ENDED
    return ERROR if "caught" in execution.output else HARMLESS


@pytest.mark.stack
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.name)
async def test_a_bomb_does_what_is_foreseen_and_its_neighbour_ends(
    execute: Execute, bomb: Bomb
) -> None:
    steps = catch_all(bomb.steps)
    faults = documents.check({"document": HEADER, "do": steps})
    assert bool(faults) == (bomb.outcome == REFUSED), faults
    if bomb.outcome == REFUSED:
        return
    execution, beside = await asyncio.gather(execute(steps, bomb.data), execute(NEIGHBOUR))
    assert kind_of_end(execution) == bomb.outcome, execution.settlement
    if bomb.outcome == HARMLESS:
        assert execution.output == bomb.value
    assert beside.output == {"sum": 4950}


@pytest.mark.unit
def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len({bomb.name for bomb in BOMBS}) == len(BOMBS) >= 40
    assert {bomb.outcome for bomb in BOMBS} == {REFUSED, ENDED, ERROR, HARMLESS}
