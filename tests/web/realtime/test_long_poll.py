"""`GET /api/sync/pull?wait=…`: the long poll."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
import pytest
from flask.testing import FlaskClient

from bin.devtools.stack.client import Client
from tests.support.platform import Platform, beside, new_agent
from tests.support.waiting import until
from tests.support.web.live import push
from tests.support.web.people import Person
from tests.support.web.polls import PULL, SOON_SECONDS, Counts

Wait = Callable[..., Future[httpx2.Response]]


@pytest.fixture
def counts(platform: Platform) -> Counts:
    return Counts(platform)


@pytest.fixture
def wait(counts: Counts) -> Iterator[Wait]:
    """Begin a long poll of an agent's, and return once the server has let it in."""
    with ThreadPoolExecutor(4) as threads:

        def begin(client: Client, *, seconds: float = 25, **query: str) -> Future[httpx2.Response]:
            before = counts.of(client)
            poll = threads.submit(client.http.get, PULL, params={"wait": str(seconds)} | query)
            until(lambda: counts.of(client) > before)
            return poll

        yield begin


def entities(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [state["entityId"] for state in answer.json()["states"]]


@pytest.mark.platform
def test_a_poll_is_answered_with_what_comes_while_it_waits(
    laptop: Client, phone: Client, wait: Wait
) -> None:
    before = push(laptop, "one")
    poll = wait(phone, since=before)
    assert not poll.done()
    stamp = push(laptop, "two")
    answer = poll.result(SOON_SECONDS)
    assert entities(answer) == ["two"]
    assert (answer.json()["cursor"], answer.json()["hasMore"]) == (stamp, False)


@pytest.mark.platform
def test_a_poll_that_finds_something_does_not_wait(laptop: Client) -> None:
    push(laptop, "one")
    assert entities(laptop.http.get(PULL, params={"wait": "25"}, timeout=SOON_SECONDS)) == ["one"]


@pytest.mark.platform
def test_a_poll_that_nothing_comes_to_is_answered_with_an_empty_page_like_any_other(
    laptop: Client,
) -> None:
    before = push(laptop, "one")
    stamp = push(laptop, "two", "agent")
    page = {"Origin": "https://app.example.org", "X-Request-ID": "mine"}
    query = {"since": before, "type": "workflow", "wait": "0.2"}
    answer = laptop.http.get(PULL, params=query, headers=page)
    told = {"states": [], "hasMore": False, "cursor": stamp, "head": stamp}
    assert answer.json() == told | {"syncHead": answer.headers["X-Sync-Head"]}
    plain = laptop.http.get(PULL, params={"since": stamp}, headers=page)
    varying = {"date", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"}
    assert {name: value for name, value in answer.headers.items() if name not in varying} == {
        name: value for name, value in plain.headers.items() if name not in varying
    }
    assert set(answer.headers) == set(plain.headers)


@pytest.mark.platform
def test_a_poll_hears_of_its_own_agents_changes_from_elsewhere(laptop: Client, wait: Wait) -> None:
    with Client(str(laptop.http.base_url), "laptop", laptop.keys) as elsewhere:
        elsewhere.login(laptop.email, laptop.password)
        poll = wait(laptop)
        push(elsewhere, "mine")
        assert entities(poll.result(SOON_SECONDS)) == ["mine"]


@pytest.mark.platform
def test_a_poll_waits_on_at_what_it_has_not_asked_for_and_counts_once(
    laptop: Client, phone: Client, wait: Wait, counts: Counts
) -> None:
    before = counts.of(laptop)
    poll = wait(phone, excludeSelf="1", type="workflow")
    push(laptop, "theirs", "settings")
    push(phone, "mine", "workflow")
    push(laptop, "this", "workflow")
    assert entities(poll.result(SOON_SECONDS)) == ["this"]
    pushes = 3 * 2  # each with a pull for its stamp
    assert counts.of(laptop) - before == 1 + pushes


@pytest.mark.platform
@pytest.mark.parametrize("seconds", ["25.1", "-1", "nan", "inf", "x", "", "1,5"])
def test_what_is_no_wait_is_refused(laptop: Client, seconds: str) -> None:
    refused = laptop.http.get(PULL, params={"wait": seconds})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/wait")


@pytest.mark.stack
def test_flask_alone_knows_the_parameter_and_does_not_wait(
    client: FlaskClient, person: Person
) -> None:
    assert client.get(f"{PULL}?wait=25", headers=person.headers).get_json()["states"] == []
    assert client.get(f"{PULL}?wait=26", headers=person.headers).status_code == 422


@pytest.mark.platform
@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ({}, {"Authorization": ""}, 401, "token_missing"),
        ({}, {"X-Agent-ID": "phone"}, 403, "agent_mismatch"),
        ({"since": "2999-01-01T00:00:00Z"}, {}, 409, "resync_required"),
        ({"type": "x"}, {}, 422, "invalid"),
    ],
)
def test_a_problem_does_not_wait(
    laptop: Client, query: dict[str, str], headers: dict[str, str], status: int, code: str
) -> None:
    refused = laptop.http.get(
        PULL, params={"wait": "25"} | query, headers=headers, timeout=SOON_SECONDS
    )
    assert (refused.status_code, refused.json()["code"]) == (status, code)


@pytest.mark.platform
def test_a_poll_is_refused_when_its_session_ends(laptop: Client, phone: Client, wait: Wait) -> None:
    poll = wait(phone)
    laptop.http.delete("/api/agents/phone").raise_for_status()
    answer = poll.result(SOON_SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")


@pytest.mark.platform
def test_a_poll_is_answered_when_its_token_expires(platform: Platform) -> None:
    with beside(platform, ACCESS_TOKEN_SECONDS="2") as other, new_agent(other) as client:

        def answer() -> httpx2.Response | None:
            """Return a poll's answer; none when its token expired before it was let in."""
            client.refresh()
            answer = client.http.get(PULL, params={"wait": "25"}, timeout=SOON_SECONDS)
            return answer if answer.status_code != 401 else None

        assert entities(until(answer)) == []
        until(lambda: client.http.get("/api/auth/me").status_code == 401)


@pytest.mark.platform
def test_a_process_that_stops_answers_its_polls(
    platform: Platform, laptop: Client, wait: Wait
) -> None:
    with beside(platform) as other, Client(other.api_url, "phone", laptop.keys) as phone:
        phone.login(laptop.email, laptop.password)
        poll = wait(phone)
        other.servers["web"].process.send_signal(signal.SIGTERM)
        assert entities(poll.result(SOON_SECONDS)) == []
        assert other.servers["web"].process.wait(timeout=SOON_SECONDS) is not None


@pytest.mark.platform
def test_many_polls_hold_neither_threads_nor_connections(
    platform: Platform, laptop: Client, counts: Counts
) -> None:
    url = urlsplit(platform.api_url)
    token = laptop.http.headers["Authorization"]
    lines = [
        f"GET {PULL}?wait=25 HTTP/1.1",
        "Host: here",
        f"Authorization: {token}",
        "X-Agent-ID: laptop",
    ]
    asked = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
    before = counts.of(laptop)
    sockets = [socket.create_connection((url.hostname, url.port), timeout=20) for _ in range(60)]
    for opened in sockets:
        opened.sendall(asked)
    until(lambda: counts.of(laptop) - before == 60)
    push(laptop, "one")
    for opened in sockets:
        with opened, opened.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert [state["entityId"] for state in json.loads(body)["states"]] == ["one"]
