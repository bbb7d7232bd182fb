"""The four documented limits, on the real Redis and without it."""

import math
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from bin.devtools.stack.server import free_port
from engine.config.settings import Settings
from tests.web.conftest import Make, Person
from web.http.sliding_window import until_room

DOCUMENTED = {"auth": 10, "sync": 100, "workflows": 50, "general": 1000}


@pytest.fixture
def tight(make: Make) -> Flask:
    """An app that lets three sync requests through, and five in all."""
    return make(LIMIT_SYNC_PER_MINUTE="3", LIMIT_GENERAL_PER_MINUTE="5")


def test_the_numbers_are_the_documented_ones(environ: dict[str, str]) -> None:
    settings = Settings.from_env(environ)
    assert {
        area: getattr(settings, f"limit_{area}_per_minute") for area in DOCUMENTED
    } == DOCUMENTED


def pull(client: FlaskClient, person: Person) -> int:
    return client.get("/api/sync/pull", headers=person.headers).status_code


def test_one_request_more_is_refused_and_says_when_to_come_back(
    tight: Flask, person: Person
) -> None:
    client = tight.test_client()
    assert [pull(client, person) for _ in range(3)] == [200, 200, 200]
    refused = client.get("/api/sync/pull", headers=person.headers)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= 120
    assert refused.headers["RateLimit-Policy"] == '"sync";q=3;w=60, "general";q=5;w=60'
    assert refused.headers["X-RateLimit-Limit"] == "3"
    assert refused.headers["X-RateLimit-Remaining"] == "0"


def test_a_refused_request_consumes_nothing(tight: Flask, person: Person) -> None:
    client = tight.test_client()
    answers = [client.get("/api/sync/pull", headers=person.headers) for _ in range(9)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 6
    general = [answer.headers["RateLimit"].split(", ")[1].split(";")[1] for answer in answers]
    assert general == ["r=4", "r=3"] + ["r=2"] * 7


def test_every_request_counts_against_general_too(tight: Flask, person: Person) -> None:
    client = tight.test_client()
    assert [pull(client, person) for _ in range(3)] == [200] * 3
    workflows = [client.get("/api/workflows", headers=person.headers) for _ in range(3)]
    assert [answer.status_code for answer in workflows] == [200, 200, 429]
    assert workflows[-1].headers["X-RateLimit-Limit"] == "5"


def test_one_accounts_flood_is_not_anothers(tight: Flask, person: Person, stranger: Person) -> None:
    client = tight.test_client()
    assert [pull(client, person) for _ in range(4)] == [200, 200, 200, 429]
    assert pull(client, stranger) == 200


def test_before_login_the_address_counts_ipv6_by_its_network(make: Make) -> None:
    client = make(LIMIT_AUTH_PER_MINUTE="2").test_client()

    def login(address: str) -> int:
        body = {"email": f"{uuid7()}@example.org", "password": "a long pass phrase"}
        return client.post(
            "/api/auth/login", json=body, environ_overrides={"REMOTE_ADDR": address}
        ).status_code

    network = f"2001:db8:{uuid7().int % 0xFFFF:x}:{uuid7().int % 0xFFFF:x}"
    answers = [login(f"{network}::{host}") for host in (1, 2, 3)]
    assert answers == [401, 401, 429]
    assert login("2001:db8:0:ffff::1") == 401


def test_of_a_crowd_at_once_as_many_pass_as_may(tight: Flask, person: Person) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: pull(tight.test_client(), person), range(16)))
    assert sorted(answers) == [200] * 3 + [429] * 13


@st.composite
def full(draw: st.DrawFn) -> tuple[int, float, int, int]:
    """A limit, the seconds of the minute that passed, and counts that leave no room."""
    limit, passed = draw(st.integers(1, 1000)), draw(st.floats(0, 59.9))
    count = draw(st.integers(0, limit))
    enough = math.floor(max(0, limit - count - 1) / (1 - passed / 60)) + 1
    return limit, passed, count, enough + draw(st.integers(0, 1000))


@given(full())
def test_a_refused_client_is_told_when_there_is_room_again(
    window: tuple[int, float, int, int],
) -> None:
    limit, passed, count, before = window

    def weight(at: float) -> float:
        """Return what the window weighs at a second of this minute, or of the next when nobody asks."""
        return count + before * (1 - at / 60) if at <= 60 else count * (2 - at / 60)

    seconds = until_room(limit, passed, count, before)
    assert 0 <= seconds <= 120
    assert weight(passed + seconds) + 1 <= limit + 1e-6
    assert weight(passed + 0.999 * seconds) + 1 >= limit - 1e-6


def test_a_redis_that_hangs_is_left_alone(make: Make, person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        client = make(REDIS_URL=url, LIMIT_SYNC_PER_MINUTE="2").test_client()
        assert [pull(client, person) for _ in range(3)] == [200, 200, 429]


def test_without_redis_each_process_keeps_its_share(make: Make, person: Person) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    client = make(REDIS_URL=nowhere, LIMIT_SYNC_PER_MINUTE="6", WEB_CONCURRENCY="2").test_client()
    assert [pull(client, person) for _ in range(4)] == [200, 200, 200, 429]
