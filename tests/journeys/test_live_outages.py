"""Streams and long polls while parts of the platform are dead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from bin.devtools.stack.client import Client
from tests.support.journeys.fragile import Fragile
from tests.support.journeys.streams import EVENT_SECONDS_MAX, listen
from tests.support.platform import new_agent
from tests.support.waiting import until
from tests.support.web.polls import PULL, SOON_SECONDS, Counts

pytestmark = pytest.mark.journey


DOOR = "/api/sync/events"
HEARTBEAT_SECONDS_MAX = 60


@pytest.fixture
def pair(fragile: Fragile) -> Iterator[tuple[Client, Client]]:
    """Two agents of an account."""
    with (
        new_agent(fragile.platform) as laptop,
        Client(fragile.platform.api_url, "phone", laptop.keys) as phone,
    ):
        phone.login(laptop.email, laptop.password)
        yield laptop, phone


@contextmanager
def without(fragile: Fragile, *names: str) -> Iterator[None]:
    """Run the body while parts are dead."""
    for name in names:
        fragile.kill(name)
    try:
        yield
    finally:
        for name in names:
            fragile.revive(name)


@contextmanager
def poll(fragile: Fragile, client: Client) -> Iterator[list[httpx2.Response]]:
    """Hold a long poll open while the body runs; its answer is there afterwards."""
    counts, answers = Counts(fragile.platform), list[httpx2.Response]()
    before = counts.of(client)
    with ThreadPoolExecutor(1) as threads:
        request = threads.submit(client.http.get, PULL, params={"wait": "25"})
        until(lambda: counts.of(client) > before)
        yield answers
        answers.append(request.result(SOON_SECONDS))


def test_a_change_is_heard_by_its_hint_alone(fragile: Fragile, pair: tuple[Client, Client]) -> None:
    laptop, phone = pair
    event_ids = listen(phone)
    with without(fragile, "relay", "fanout"):
        laptop.push("theme", 1, version="1", clock={"laptop": 1})
        assert event_ids.get(timeout=EVENT_SECONDS_MAX) == phone.pull()["head"]


def test_nothing_is_missed_by_who_waits_while_redis_restarts(
    fragile: Fragile, pair: tuple[Client, Client]
) -> None:
    laptop, phone = pair
    event_ids = listen(phone)
    with poll(fragile, phone) as answers, without(fragile, "Valkey"):
        laptop.push("theme", 1, version="1", clock={"laptop": 1})
    assert event_ids.get(timeout=EVENT_SECONDS_MAX) == phone.pull()["head"]
    assert [state["entityId"] for state in answers[0].json()["states"]] == ["theme"]


def test_a_stream_hears_from_the_database_while_redis_is_away(
    fragile: Fragile, pair: tuple[Client, Client]
) -> None:
    laptop, phone = pair
    event_ids = listen(phone)
    with without(fragile, "Valkey"):
        laptop.push("theme", 1, version="1", clock={"laptop": 1})
        assert event_ids.get(timeout=HEARTBEAT_SECONDS_MAX) == phone.pull()["head"]


def test_a_stream_whose_session_ended_unheard_ends_when_redis_is_back(
    fragile: Fragile, pair: tuple[Client, Client]
) -> None:
    laptop, phone = pair
    with without(fragile, "relay", "fanout"), phone.http.stream("GET", DOOR) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry: ")
        with without(fragile, "Valkey"):
            laptop.http.delete("/api/agents/phone").raise_for_status()
        assert not [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def test_without_redis_streams_open_and_each_process_counts_its_own(
    fragile: Fragile, pair: tuple[Client, Client]
) -> None:
    laptop, _ = pair
    with without(fragile, "Valkey"), ExitStack() as exits:
        streams = [exits.enter_context(laptop.http.stream("GET", DOOR)) for _ in range(11)]
        assert [stream.status_code for stream in streams] == [200] * 10 + [429]
