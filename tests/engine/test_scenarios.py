"""The language, scenario by scenario, in the conformance kit's form: what the kit leaves out."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bin.devtools.conformance.gherkin import Scenario, scenarios
from bin.devtools.conformance.kit import Attempt, worker
from bin.devtools.fakes import rabbitmq
from bin.devtools.fakes.https_server import FakeServer, fake_server
from bin.devtools.fakes.rabbitmq import RabbitBroker
from bin.devtools.stack.servers import Stack
from engine.calls.asyncapi import amqp_queues
from engine.calls.asyncapi.document import find_route
from engine.contracts.calls import AsyncApiCall, HttpCall
from engine.egress.guard import Egress

FEATURES = sorted((Path(__file__).parent / "scenarios").glob("*.feature"))
QUEUES = "asyncapi-amqp"
EVERY_SECONDS = 0.1
TOLD = [scenario for path in FEATURES if path.stem != QUEUES for scenario in scenarios(path)]
OF_QUEUES = [scenario for path in FEATURES if path.stem == QUEUES for scenario in scenarios(path)]
WAYS = {0: "in one run", 1: "in a new run at every safe point"}
HEARD = ("news", "cast")  # operations whose messages reach those alone who are there


@pytest_asyncio.fixture(scope="module")
async def try_out(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Attempt]:
    with fake_server() as server:
        async with worker(stack.temporal_address, server, rests_every=request.param) as attempt:
            yield attempt


@pytest_asyncio.fixture(scope="module")
async def try_out_with_queues(
    stack: Stack, rabbit: RabbitBroker, request: pytest.FixtureRequest
) -> AsyncIterator[Attempt]:
    with fake_server(rabbit) as server:
        async with worker(stack.temporal_address, server, rests_every=request.param) as attempt:
            telling = [asyncio.create_task(_tell(server, operation)) for operation in HEARD]
            yield attempt
            for one in telling:
                one.cancel()
            await asyncio.wait(telling)


async def _tell(server: FakeServer, operation: str) -> None:
    """Tell the same to whoever is there, again and again."""
    egress = Egress(allow=rabbitmq.HOST, resolver=server.resolve)
    call = AsyncApiCall(HttpCall("GET", ""), operation, None, None, None, {}, None, 5.0)
    while True:
        await amqp_queues.publish(
            egress,
            find_route(rabbitmq.DOCUMENT, call),
            {},
            b'{"text":"news"}',
            amqp_queues.MessageProperties(),
        )
        await asyncio.sleep(EVERY_SECONDS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try out every scenario in one run, and again in a new run at every safe point."""
    for fixture, group in (("try_out", TOLD), ("try_out_with_queues", OF_QUEUES)):
        if fixture in metafunc.fixturenames:
            # One scope for both would start the servers anew for each scenario.
            metafunc.parametrize(
                fixture, list(WAYS), ids=WAYS.values(), indirect=True, scope="module"
            )
            names = [f"{scenario.feature}: {scenario.name}" for scenario in group]
            metafunc.parametrize("scenario", group, ids=names)


@pytest.mark.stack
async def test_the_engine_does_as_the_scenario_says(try_out: Attempt, scenario: Scenario) -> None:
    await try_out(scenario)


@pytest.mark.stack
async def test_the_engine_does_with_queues_as_the_scenario_says(
    try_out_with_queues: Attempt, scenario: Scenario
) -> None:
    await try_out_with_queues(scenario)


@pytest.mark.unit
def test_no_two_scenarios_have_one_name() -> None:
    names = [(scenario.feature, scenario.name) for scenario in TOLD + OF_QUEUES]
    assert len(set(names)) == len(names) > 0
