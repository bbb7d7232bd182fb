"""Every bomb ends as its table says, and an execution beside it ends as if alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.interpreter import documents
from tests.support.interpreter.bombs import BOMBS, ENDED, ERROR, HARMLESS, REFUSED, Bomb
from tests.support.interpreter.executions import HEADER, Execute, Ran

NEIGHBOUR = [{"count": {"set": {"sum": "${ [range(100)] | add }"}}}]


def tried(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let every error that can be caught be caught."""
    told = {"set": {"caught": '${ $problem.type | split("/") | last }'}}
    return [{"guard": {"try": steps, "catch": {"as": "problem", "do": [{"tell": told}]}}}]


def happened(ran: Ran) -> str:
    if ran.settlement.error is not None:
        assert ran.error["type"].endswith("/runtime"), ran.error
        return ENDED
    return ERROR if "caught" in ran.output else HARMLESS


@pytest.mark.stack
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.name)
async def test_a_bomb_does_what_is_foreseen_and_its_neighbour_ends(
    execute: Execute, bomb: Bomb
) -> None:
    steps = tried(bomb.steps)
    faults = documents.check({"document": HEADER, "do": steps})
    assert bool(faults) == (bomb.happens == REFUSED), faults
    if bomb.happens == REFUSED:
        return
    ran, beside = await asyncio.gather(execute(steps, bomb.data), execute(NEIGHBOUR))
    assert happened(ran) == bomb.happens, ran.settlement
    if bomb.happens == HARMLESS:
        assert ran.output == bomb.value
    assert beside.output == {"sum": 4950}


@pytest.mark.unit
def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len({bomb.name for bomb in BOMBS}) == len(BOMBS) >= 40
    assert {bomb.happens for bomb in BOMBS} == {REFUSED, ENDED, ERROR, HARMLESS}
