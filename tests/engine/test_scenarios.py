"""The language, scenario by scenario, in the conformance kit's form: what the kit leaves out."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bin.local.conformance import Attempt, worker
from bin.local.gherkin import Scenario, scenarios
from bin.local.stack import Stack
from bin.local.stand_in import stand_in

FEATURES = sorted((Path(__file__).parent / "scenarios").glob("*.feature"))
TOLD = [scenario for path in FEATURES for scenario in scenarios(path)]


@pytest_asyncio.fixture(scope="module", params=[0, 1], ids=["in one run", "in a new run at every safe point"])
async def try_out(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Attempt]:
    with stand_in() as server:
        async with worker(stack.temporal_address, server, rests_every=request.param) as attempt:
            yield attempt


@pytest.mark.parametrize("scenario", TOLD, ids=lambda scenario: f"{scenario.feature}: {scenario.name}")
async def test_the_engine_does_as_the_scenario_says(try_out: Attempt, scenario: Scenario) -> None:
    await try_out(scenario)


def test_no_two_scenarios_have_one_name() -> None:
    names = [(scenario.feature, scenario.name) for scenario in TOLD]
    assert len(set(names)) == len(names) > 0
