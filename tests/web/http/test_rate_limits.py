"""The four documented limits, on the real Redis and without it."""

import math
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from flask_limiter import Limiter, RequestLimit
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ResponseError
from uuid_utils.compat import uuid7

from bin.devtools.stack.server import free_port
from bin.devtools.stack.valkey import start_valkey
from engine.config.settings import Settings
from tests.support.waiting import until
from tests.support.web.people import Make, Person
from web.http.rate_limits import until_room

DOCUMENTED = {"auth": 10, "sync": 100, "workflows": 50, "general": 1000}


@pytest.fixture
def tight(make: Make) -> Flask:
    """An app that lets three sync requests through, and five in all."""
    return make(LIMIT_SYNC_PER_MINUTE="3", LIMIT_GENERAL_PER_MINUTE="5")


@pytest.mark.stack
def test_the_numbers_are_the_documented_ones(environ: dict[str, str]) -> None:
    settings = Settings.from_env(environ)
    assert {
        area: getattr(settings, f"limit_{area}_per_minute") for area in DOCUMENTED
    } == DOCUMENTED


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Valkey cluster of one node, which has all hash slots."""
    options = [
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        str(free_port()),
        "--cluster-node-timeout",
        "500",
    ]
    server, url = start_valkey(tmp_path_factory.mktemp("cluster"), free_port(), *options)
    try:
        with Redis.from_url(url) as redis:
            redis.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            until(lambda: redis.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        yield url
    finally:
        server.stop()


def pull(client: FlaskClient, person: Person) -> int:
    return client.get("/api/sync/pull", headers=person.headers).status_code


@pytest.mark.stack
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


@pytest.mark.stack
def test_a_refused_request_consumes_nothing(tight: Flask, person: Person) -> None:
    client = tight.test_client()
    answers = [client.get("/api/sync/pull", headers=person.headers) for _ in range(9)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 6
    general = [answer.headers["RateLimit"].split(", ")[1].split(";")[1] for answer in answers]
    assert general == ["r=4", "r=3"] + ["r=2"] * 7


@pytest.mark.stack
def test_every_request_counts_against_general_too(tight: Flask, person: Person) -> None:
    client = tight.test_client()
    assert [pull(client, person) for _ in range(3)] == [200] * 3
    workflows = [client.get("/api/workflows", headers=person.headers) for _ in range(3)]
    assert [answer.status_code for answer in workflows] == [200, 200, 429]
    assert workflows[-1].headers["X-RateLimit-Limit"] == "5"


@pytest.mark.stack
def test_one_accounts_flood_is_not_anothers(tight: Flask, person: Person, stranger: Person) -> None:
    client = tight.test_client()
    assert [pull(client, person) for _ in range(4)] == [200, 200, 200, 429]
    assert pull(client, stranger) == 200


@pytest.mark.stack
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


@pytest.mark.stack
def test_of_a_crowd_at_once_as_many_pass_as_may(tight: Flask, person: Person) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: pull(tight.test_client(), person), range(16)))
    assert sorted(answers) == [200] * 3 + [429] * 13


def limits_seen(app: Flask) -> list[RequestLimit]:
    """Collect what Flask-Limiter says of each request's limits at its end."""
    limiter: Limiter = app.extensions["rate_limiter"]
    seen: list[RequestLimit] = []

    def note(response: Response) -> Response:
        seen.extend(limiter.current_limits)
        return response

    app.after_request(note)
    return seen


@pytest.mark.stack
def test_flask_limiter_itself_refuses(tight: Flask, person: Person) -> None:
    limiter: Limiter = tight.extensions["rate_limiter"]
    seen = limits_seen(tight)
    client = tight.test_client()
    assert [pull(client, person) for _ in range(4)] == [200, 200, 200, 429]
    assert [(limit.limit.amount, limit.breached) for limit in seen] == [(3, False)] * 3 + [
        (3, True)
    ]
    assert (limiter.enabled, seen[-1].remaining) == (True, 0)
    assert time.time() < seen[-1].reset_at < time.time() + 122


@pytest.mark.stack
def test_the_strategy_looks_without_counting_and_clears_as_flask_limiter_asks(
    tight: Flask, person: Person
) -> None:
    limiter: Limiter = tight.extensions["rate_limiter"]
    seen = limits_seen(tight)
    client = tight.test_client()
    assert [pull(client, person) for _ in range(2)] == [200, 200]
    strategy, item, names = limiter.limiter, seen[-1].limit, seen[-1].request_args
    assert [strategy.test(item, *names) for _ in range(3)] == [True] * 3
    assert [strategy.test(item, *names, cost=cost) for cost in (1, 2)] == [True, False]
    assert strategy.get_window_stats(item, *names).remaining == 1
    strategy.clear(item, *names)
    assert strategy.get_window_stats(item, *names).remaining == 3


@pytest.mark.stack
@pytest.mark.parametrize("known", [True, False], ids=["an account", "an address"])
def test_the_windows_of_one_client_share_a_slot_of_a_cluster(
    make: Make, person: Person, cluster_url: str, *, known: bool
) -> None:
    client = make(REDIS_URL=cluster_url, LIMIT_SYNC_PER_MINUTE="2").test_client()
    with Redis.from_url(cluster_url) as redis:
        with pytest.raises(ResponseError, match="hash to the same slot"):
            redis.eval("return 1", 2, "one", "other")
        if known:
            assert [pull(client, person) for _ in range(3)] == [200, 200, 429]
        else:
            body = {"email": person.email, "password": person.password}
            assert client.post("/api/auth/login", json=body).status_code == 200
        name = person.id if known else "127.0.0.1"
        keys = list(redis.scan_iter(f"*{{{name}}}*"))
        assert len(keys) == 2
        assert len({redis.execute_command("CLUSTER KEYSLOT", key) for key in keys}) == 1


@st.composite
def full(draw: st.DrawFn) -> tuple[int, float, int, int]:
    """A limit, the seconds of the minute that passed, and counts that leave no room."""
    limit, passed = draw(st.integers(1, 1000)), draw(st.floats(0, 59.9))
    count = draw(st.integers(0, limit))
    enough = math.floor(max(0, limit - count - 1) / (1 - passed / 60)) + 1
    return limit, passed, count, enough + draw(st.integers(0, 1000))


@pytest.mark.unit
@given(full())
def test_a_refused_client_is_told_when_there_is_room_again(
    window: tuple[int, float, int, int],
) -> None:
    limit, passed, count, before = window

    def weight(at: float) -> float:
        """Return the window's count at a second of this minute, or of the next without requests."""
        return count + before * (1 - at / 60) if at <= 60 else count * (2 - at / 60)

    seconds = until_room(limit, passed, count, before)
    assert 0 <= seconds <= 120
    assert weight(passed + seconds) + 1 <= limit + 1e-6
    assert weight(passed + 0.999 * seconds) + 1 >= limit - 1e-6


@pytest.mark.stack
def test_a_redis_that_hangs_is_left_alone(make: Make, person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        client = make(REDIS_URL=url, LIMIT_SYNC_PER_MINUTE="2").test_client()
        assert [pull(client, person) for _ in range(3)] == [200, 200, 429]


@pytest.mark.stack
def test_without_redis_each_process_keeps_its_share(make: Make, person: Person) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    client = make(REDIS_URL=nowhere, LIMIT_SYNC_PER_MINUTE="6", WEB_CONCURRENCY="2").test_client()
    assert [pull(client, person) for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.stack
def test_of_a_crowd_that_redis_fails_at_once_each_request_is_counted(
    make: Make, person: Person
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        app = make(REDIS_URL=url, LIMIT_SYNC_PER_MINUTE="3", WEB_CONCURRENCY="1")
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda _: pull(app.test_client(), person), range(16)))
    assert sorted(answers) == [200] * 3 + [429] * 13


@pytest.mark.stack
def test_once_redis_is_back_all_processes_share_the_windows_again(
    make: Make, person: Person, tmp_path: Path
) -> None:
    port = free_port()
    client = make(REDIS_URL=f"redis://127.0.0.1:{port}/0").test_client()
    assert pull(client, person) == 200
    server, url = start_valkey(tmp_path, port)
    try:
        with Redis.from_url(url) as redis:
            until(
                lambda: pull(client, person) == 200 and list(redis.scan_iter(f"*{{{person.id}}}*"))
            )
    finally:
        server.stop()
