"""`GET /api/sync/events` on the running platform."""

import json
import threading
from queue import Empty, Queue

import httpx2
import pytest
from httpx2 import ServerSentEvent

from bin.devtools.stack.client import Client
from tests.support.platform import Platform, new_agent
from tests.support.web.live import DOOR, push

pytestmark = pytest.mark.platform


SECONDS_MAX = 20


def follow(
    client: Client, since: str | None = None, kind: str = "message"
) -> Queue[ServerSentEvent]:
    """Return a queue of the client's events of a kind, once the stream is open."""
    opened, heard = threading.Event(), Queue[ServerSentEvent]()

    def listen() -> None:
        try:
            for event in client.events(since=since):
                if event.event == "open":
                    opened.set()
                elif event.data and event.event == kind:
                    heard.put(event)
        except (httpx2.TransportError, RuntimeError):
            return  # the test is over

    threading.Thread(target=listen, daemon=True).start()
    assert opened.wait(SECONDS_MAX)
    return heard


def test_a_notice_says_where_the_account_stands_and_what_kind_changed(
    laptop: Client, phone: Client
) -> None:
    heard = follow(phone)
    stamp = push(laptop, "one", "workflow")
    event = heard.get(timeout=SECONDS_MAX)
    assert (event.id, json.loads(event.data)) == (stamp, {"head": stamp, "types": ["workflow"]})


def test_who_pushed_is_not_told_of_it(laptop: Client, phone: Client) -> None:
    mine, theirs = follow(laptop), follow(phone)
    push(laptop, "one")
    theirs.get(timeout=SECONDS_MAX)
    stamp = push(phone, "two")
    assert mine.get(timeout=SECONDS_MAX).id == stamp, "the first thing heard is what the other did"


def test_what_happened_while_away_is_told_on_return_once(laptop: Client, phone: Client) -> None:
    before = push(laptop, "one")
    push(laptop, "two")
    after = push(laptop, "three", "agent")
    heard = follow(phone, since=before)
    event = heard.get(timeout=SECONDS_MAX)
    assert json.loads(event.data) == {"head": after, "types": ["agent", "settings"]}
    last = push(laptop, "four")
    assert heard.get(timeout=SECONDS_MAX).id == last, "nothing was told twice in between"
    with pytest.raises(Empty):
        heard.get_nowait()


def test_another_account_hears_nothing(platform: Platform, laptop: Client, phone: Client) -> None:
    with new_agent(platform) as stranger:
        theirs, mine = follow(stranger), follow(phone)
        push(laptop, "one")
        mine.get(timeout=SECONDS_MAX)
        assert theirs.empty()


def test_an_account_has_at_most_ten_streams_and_a_closed_one_makes_room(laptop: Client) -> None:
    streams = [
        laptop.http.send(laptop.http.build_request("GET", DOOR), stream=True) for _ in range(10)
    ]
    assert [stream.status_code for stream in streams] == [200] * 10
    refused = laptop.http.get(DOOR)
    assert (refused.status_code, refused.headers["Content-Type"]) == (
        429,
        "application/problem+json",
    )
    assert refused.json()["code"] == "too_many_streams"
    assert int(refused.headers["Retry-After"]) > 0
    for stream in streams:
        stream.close()
    follow(laptop)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"Authorization": ""}, 401, "token_missing"),
        ({"Authorization": "Bearer x"}, 401, "token_invalid"),
        ({"X-Agent-ID": "phone"}, 403, "agent_mismatch"),
        ({"X-Agent-ID": ""}, 400, "agent_id_malformed"),
        ({"Last-Event-ID": "yesterday"}, 422, "invalid"),
    ],
)
def test_the_door_refuses_as_every_other_does(
    laptop: Client, changes: dict[str, str], status: int, code: str
) -> None:
    refused = laptop.http.get(DOOR, headers=changes)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["X-Request-ID"] == refused.json()["requestId"]


def test_a_stream_is_only_read(laptop: Client) -> None:
    refused = laptop.http.post(DOOR, json={})
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in refused.headers["Allow"]


def test_an_open_stream_tells_proxies_to_let_it_through(laptop: Client) -> None:
    with laptop.http.stream("GET", DOOR) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert (stream.headers["Cache-Control"], stream.headers["X-Accel-Buffering"]) == (
            "no-store",
            "no",
        )
        assert next(stream.iter_lines()).startswith("retry: ")


def test_a_stream_tells_of_security_events_of_other_sessions(laptop: Client) -> None:
    heard = follow(laptop, kind="security")
    with Client(str(laptop.http.base_url), "tablet", laptop.keys) as tablet:
        tablet.login(laptop.email, laptop.password)
        (mine,) = [
            one for one in tablet.request("GET", "/api/auth/sessions")["sessions"] if one["current"]
        ]
    told = json.loads(heard.get(timeout=SECONDS_MAX).data)
    assert (told["kind"], told["sessionId"]) == ("session_started", mine["id"])


def test_a_stream_ends_with_its_session(laptop: Client, phone: Client) -> None:
    ended = threading.Event()

    def listen() -> None:
        for event in phone.events():
            if event.event == "open":
                opened.set()
        ended.set()

    opened = threading.Event()
    threading.Thread(target=listen, daemon=True).start()
    assert opened.wait(SECONDS_MAX)
    laptop.http.delete("/api/agents/phone").raise_for_status()
    assert ended.wait(SECONDS_MAX)


def test_a_stream_bears_what_every_answer_bears(laptop: Client) -> None:
    page = "https://app.example.org"
    with laptop.http.stream(
        "GET", DOOR, headers={"Origin": page, "X-Request-ID": "mine"}
    ) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Access-Control-Allow-Origin"] == page
        assert answer.headers["X-Request-ID"] == "mine"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert all(
            name in answer.headers
            for name in ("RateLimit", "RateLimit-Policy", "X-RateLimit-Limit")
        )
        assert "Content-Length" not in answer.headers
