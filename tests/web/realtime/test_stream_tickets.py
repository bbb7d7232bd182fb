"""Tickets: what opens a stream where no header can be set."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from flask.testing import FlaskClient
from redis import Redis

from bin.devtools.stack.client import Client
from tests.support.platform import Platform, beside
from tests.support.waiting import until
from tests.support.web.live import push
from tests.support.web.people import Make, Person

DOOR, OFFICE = "/api/sync/events", "/api/sync/events/ticket"
SECONDS_MAX = 20


@pytest.fixture
def redis(environ: dict[str, str]) -> Redis:
    return Redis.from_url(environ["REDIS_URL"])


def ticket(client: FlaskClient, person: Person) -> str:
    answer = client.post(OFFICE, headers=person.headers)
    assert answer.status_code == 201, answer.text
    text: str = answer.get_json()["ticket"]
    return text


@pytest.mark.stack
def test_a_ticket_cannot_be_guessed_and_lasts_half_a_minute(
    client: FlaskClient, person: Person
) -> None:
    answer = client.post(OFFICE, headers=person.headers).get_json()
    assert len(base64.urlsafe_b64decode(answer["ticket"] + "==")) >= 16
    left = datetime.fromisoformat(answer["expiresAt"]) - datetime.now(UTC)
    assert timedelta(0) < left <= timedelta(seconds=30)
    assert ticket(client, person) != answer["ticket"]


@pytest.mark.stack
def test_a_ticket_opens_one_stream_and_then_says_that_it_is_spent(
    client: FlaskClient, person: Person
) -> None:
    door = f"{DOOR}?ticket={ticket(client, person)}"
    assert client.get(door).status_code == 200
    refused = client.get(door)
    assert (refused.status_code, refused.get_json()["code"]) == (401, "ticket_spent")


@pytest.mark.stack
def test_of_many_that_show_a_ticket_at_once_one_comes_in(make: Make, person: Person) -> None:
    app = make()
    door = f"{DOOR}?ticket={ticket(app.test_client(), person)}"
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: app.test_client().get(door).status_code, range(8)))
    assert sorted(statuses) == [200] + [401] * 7


@pytest.mark.stack
@pytest.mark.parametrize("name", ["", "x", "x" * 500, "%00", "ticket:*"])
def test_what_is_no_ticket_opens_nothing(client: FlaskClient, name: str) -> None:
    refused = client.get(f"{DOOR}?ticket={name}")
    assert (refused.status_code, refused.get_json()["code"]) == (401, "ticket_spent")


@pytest.mark.stack
@pytest.mark.parametrize("name", ["%FF", "%ED%A0%80", "%F0%9F%8E%AB"])
def test_what_is_no_text_opens_nothing(client: FlaskClient, name: str) -> None:
    assert client.get(f"{DOOR}?ticket={name}").status_code == 401


@pytest.mark.stack
@pytest.mark.parametrize("forgery", [b"", b"forged", b"a.b.c.d.e", b"e30..AA.AA.AA", b"\xff"])
def test_who_writes_to_redis_opens_nothing(
    client: FlaskClient, redis: Redis, forgery: bytes
) -> None:
    redis.set(f"ticket:{hashlib.sha256(b'guess').hexdigest()}", forgery, ex=30)
    refused = client.get(f"{DOOR}?ticket=guess")
    assert (refused.status_code, refused.get_json()["code"]) == (401, "ticket_spent")


@pytest.mark.stack
def test_a_ticket_runs_out(client: FlaskClient, person: Person, redis: Redis) -> None:
    before = set(redis.scan_iter("ticket:*"))
    door = f"{DOOR}?ticket={ticket(client, person)}"
    (key,) = set(redis.scan_iter("ticket:*")) - before
    assert 0 < redis.ttl(key) <= 30
    redis.pexpire(key, 1)
    until(lambda: not redis.exists(key))
    assert client.get(door).status_code == 401


@pytest.mark.stack
def test_redis_holds_neither_the_ticket_nor_the_token(
    client: FlaskClient, person: Person, redis: Redis
) -> None:
    before = set(redis.scan_iter("ticket:*"))
    text = ticket(client, person)
    (key,) = set(redis.scan_iter("ticket:*")) - before
    kept = key + (redis.get(key) or b"")
    assert text.encode() not in kept
    assert person.answer["accessToken"].encode() not in kept


@pytest.mark.stack
def test_a_ticket_stands_in_place_of_a_token_not_beside_it(
    client: FlaskClient, person: Person
) -> None:
    door = f"{DOOR}?ticket={ticket(client, person)}"
    refused = client.get(door, headers=person.headers)
    assert (refused.status_code, refused.get_json()["code"]) == (400, "ticket_and_token")
    assert client.get(door).status_code == 200, "the ticket is still good"


@pytest.mark.stack
def test_a_ticket_is_its_agents_own(client: FlaskClient, person: Person) -> None:
    refused = client.get(f"{DOOR}?ticket={ticket(client, person)}", headers={"X-Agent-ID": "phone"})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "agent_mismatch")


@pytest.mark.stack
def test_a_ticket_ends_with_its_session(client: FlaskClient, person: Person) -> None:
    door = f"{DOOR}?ticket={ticket(client, person)}"
    assert client.post("/api/auth/logout", headers=person.headers).status_code < 300
    refused = client.get(door)
    assert (refused.status_code, refused.get_json()["code"]) == (401, "session_ended")


@pytest.mark.stack
def test_a_ticket_is_had_by_who_is_known(client: FlaskClient) -> None:
    refused = client.post(OFFICE, headers={"X-Agent-ID": "laptop"})
    assert (refused.status_code, refused.get_json()["code"]) == (401, "token_missing")


@pytest.mark.stack
def test_without_redis_tickets_are_neither_made_nor_taken(make: Make, person: Person) -> None:
    client = make(REDIS_URL="redis://127.0.0.1:1/0").test_client()
    for refused in (client.post(OFFICE, headers=person.headers), client.get(f"{DOOR}?ticket=x")):
        assert (refused.status_code, refused.get_json()["code"]) == (503, "tickets_unavailable")
        assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.stack
def test_both_ways_count_in_the_accounts_windows(make: Make, person: Person) -> None:
    client = make(LIMIT_SYNC_PER_MINUTE="2").test_client()
    door = f"{DOOR}?ticket={ticket(client, person)}"
    assert client.get(door).headers["X-RateLimit-Remaining"] == "0"
    assert client.post(OFFICE, headers=person.headers).status_code == 429


@pytest.mark.platform
def test_a_ticket_of_one_process_opens_a_stream_of_another_and_is_in_no_log(
    platform: Platform, laptop: Client
) -> None:
    page = {"Origin": "https://app.example.org"}
    with (
        beside(platform) as other,
        Client(platform.api_url, "phone", laptop.keys) as phone,
        httpx2.Client(base_url=other.api_url, headers=page, timeout=SECONDS_MAX) as browser,
    ):
        phone.login(laptop.email, laptop.password)
        answer = phone.http.post(OFFICE, headers=page)
        assert answer.headers["Access-Control-Allow-Origin"] == page["Origin"]
        door = f"{DOOR}?ticket={answer.json()['ticket']}"
        with browser.stream("GET", door) as stream:
            assert stream.headers["Access-Control-Allow-Origin"] == page["Origin"]
            lines = stream.iter_lines()
            assert next(lines).startswith("retry: ")
            stamp = push(laptop, "one")
            told = next(line for line in lines if line.startswith("data: "))
            assert json.loads(told.removeprefix("data: "))["head"] == stamp
        again = browser.get(door)
        assert (again.status_code, again.json()["code"]) == (401, "ticket_spent")
        assert again.headers["Content-Type"] == "application/problem+json", (
            "EventSource stops at it"
        )
        logs = "".join(path.read_text() for path in platform.logs.rglob("*.log"))
    assert "/api/sync/events" in logs
    assert answer.json()["ticket"] not in logs
