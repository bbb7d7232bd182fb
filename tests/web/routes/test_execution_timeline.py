"""What an execution has done and does: its timeline, its stream, its result, and pausing it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from httpx2 import ServerSentEvent
from ruamel.yaml import YAML

from bin.devtools.conformance.places import pointer_of
from bin.devtools.stack.client import Client
from tests.support.platform import Platform, new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.platform


HEAD = "document: {dsl: '1.0.3', namespace: tests, name: case, version: '1.0.0'}\n"
RETRIED = (
    HEAD
    + """
use:
  functions:
    half: {set: {n: 1}}
    whole: {do: [{deep/er: {set: {n: 2}}}]}
do:
  - first: {set: {n: 1}}
  - never: {if: .n == 7, set: {n: 7}}
  - careful:
      try:
        - secretly~named: {raise: {error: {type: urn:mine, status: 500}}}
      catch:
        retry: {delay: PT0.02S, limit: {attempt: {count: 1}}}
        do: [{handled: {call: whole}}]
"""
)
NAPS = HEAD + "do:\n  - nap: {wait: {seconds: 2}}\n  - after: {set: {done: true}}\n"
SLEEPER = HEAD + "do:\n  - outer: {do: [{nap: {wait: {hours: 1}}}]}\n"


def begin(client: Client, document: str, *, wait: float = 0) -> str:
    workflow = client.create_workflow("case", document)
    execution_id: str = client.execute(workflow["id"], wait=wait)["executionId"]
    return f"/api/executions/{execution_id}"


def happened(steps: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(step["place"], step["phase"]) for step in steps]


def heard(client: Client, path: str, after: int | None = None) -> Iterator[ServerSentEvent]:
    opened = client.follow(path.rpartition("/")[2], after=after)
    return (event for event in opened if event.event != "open" and event.data)


@pytest.fixture(scope="module")
def person(platform: Platform) -> Iterator[Client]:
    with new_agent(platform) as client:
        yield client


@pytest.fixture(scope="module")
def ended(person: Client) -> str:
    """An execution that retried, handled and completed."""
    return begin(person, RETRIED, wait=20)


def test_the_timeline_tells_what_happened_to_every_step_and_no_name(
    person: Client, ended: str
) -> None:
    answer = person.request("GET", f"{ended}/steps")
    steps = answer["steps"]
    tried = "/do/2/try/0"
    assert happened(steps) == [
        ("/do/0", "started"),
        ("/do/0", "completed"),
        ("/do/1", "skipped"),
        ("/do/2", "started"),
        (tried, "started"),
        (tried, "failed"),
        ("/do/2", "retrying"),
        (tried, "started"),
        (tried, "failed"),
        ("/do/2/catch/do/0", "started"),
        ("/use/functions/1", "started"),
        ("/use/functions/1/do/0", "started"),
        ("/use/functions/1/do/0", "completed"),
        ("/use/functions/1", "completed"),
        ("/do/2/catch/do/0", "completed"),
        ("/do/2", "completed"),
    ]
    assert [step["seq"] for step in steps] == list(range(1, len(steps) + 1))
    assert (answer["cursor"], answer["hasMore"]) == (len(steps), False)
    assert [(step["attempt"], step["kind"], step["error"]) for step in steps[3:9]] == [
        (1, "try", None),
        (1, "raise", None),
        (1, "raise", "raised"),
        (2, "try", "raised"),
        (2, "raise", None),
        (2, "raise", "raised"),
    ]
    assert sorted(step["at"] for step in steps) == [step["at"] for step in steps]


def test_who_can_open_the_definition_finds_the_pointers(person: Client, ended: str) -> None:
    document = YAML(typ="safe", pure=True).load(RETRIED)
    places = [step["place"] for step in person.request("GET", f"{ended}/steps")["steps"]]
    pointers = {pointer_of(document, place) for place in places}
    assert pointers == {
        "/do/0/first",
        "/do/1/never",
        "/do/2/careful",
        "/do/2/careful/try/0/secretly~0named",
        "/do/2/careful/catch/do/0/handled",
        "/use/functions/whole",
        "/use/functions/whole/do/0/deep~1er",
    }


def test_pages_of_the_timeline_follow_one_another(person: Client, ended: str) -> None:
    whole = person.request("GET", f"{ended}/steps")["steps"]
    page: dict[str, Any] = {"cursor": 0, "hasMore": True}
    seen: list[dict[str, Any]] = []
    while page["hasMore"]:
        query = {"cursor": page["cursor"], "limit": 5}
        page = person.request("GET", f"{ended}/steps", params=query)
        seen += page["steps"]
    assert seen == whole
    assert person.request("GET", f"{ended}/steps", params={"cursor": page["cursor"]})["steps"] == []


def test_an_execution_tells_how_far_it_is_while_it_runs_and_when_it_has_ended(
    person: Client, ended: str
) -> None:
    told = person.request("GET", ended)
    assert (told["current"], told["attempts"], told["paused"]) == ([], 1, False)
    assert told["steps"] == {
        "started": 7,
        "completed": 5,
        "failed": 2,
        "cancelled": 0,
        "skipped": 1,
    }
    path = begin(person, SLEEPER)
    assert until(lambda: person.request("GET", path)["current"]) == ["/do/0/do/0"]
    person.request("POST", f"{path}/cancel")
    until(lambda: person.request("GET", path)["status"] == "failed")
    assert person.request("GET", path)["current"] == []
    assert happened(person.request("GET", f"{path}/steps")["steps"])[-2:] == [
        ("/do/0/do/0", "cancelled"),
        ("/do/0", "cancelled"),
    ]


def test_a_stream_tells_every_step_as_it_happens_and_then_the_end(person: Client) -> None:
    path = begin(person, NAPS)
    events = list(heard(person, path))
    steps = person.request("GET", f"{path}/steps")["steps"]
    assert [json.loads(event.data) for event in events[:-1]] == steps
    assert [int(event.id) for event in events[:-1]] == [1, 2, 3, 4]
    assert (events[-1].event, json.loads(events[-1].data)) == ("ended", {"status": "completed"})


def test_a_stream_goes_on_after_the_last_event_that_came(person: Client, ended: str) -> None:
    whole = [event.data for event in heard(person, ended)]
    assert [event.data for event in heard(person, ended, after=10)] == whole[10:]
    assert [event.event for event in heard(person, ended, after=999)] == ["ended"]
    refused = person.http.get(f"{ended}/events", headers={"Last-Event-ID": "no number"})
    assert (refused.status_code, refused.json()["code"]) == (422, "event_id_invalid")


def test_a_ticket_opens_a_stream_and_nothing_else_of_an_execution(
    platform: Platform, person: Client, ended: str
) -> None:
    def ticket() -> dict[str, str]:
        return {"ticket": person.request("POST", "/api/sync/events/ticket")["ticket"]}

    with httpx2.Client(base_url=platform.api_url) as http:
        with http.sse(f"{ended}/events", params=ticket()) as source:
            assert [event.event for event in source][-1] == "ended"
        assert http.get(f"{ended}/steps", params=ticket()).status_code == 401


def test_streams_of_executions_count_among_those_of_the_account(platform: Platform) -> None:
    with new_agent(platform) as client:
        path = begin(client, SLEEPER)
        follower = [client.follow(path.rpartition("/")[2]) for _ in range(10)]
        for stream in follower:
            next(stream)
        assert client.http.get(f"{path}/events").json()["code"] == "too_many_streams"
        for stream in follower:
            stream.close()  # type: ignore[attr-defined]
        client.request("POST", f"{path}/terminate")


def test_nobody_follows_what_is_anothers(platform: Platform, ended: str) -> None:
    with new_agent(platform) as stranger:
        for what in ("steps", "events", "result"):
            assert stranger.http.get(f"{ended}/{what}").json()["code"] == "execution_unknown"
        for verb in ("pause", "resume"):
            assert stranger.http.post(f"{ended}/{verb}").json()["code"] == "execution_unknown"


def test_a_result_is_waited_for(person: Client, ended: str) -> None:
    path = begin(person, NAPS)
    early = person.http.get(f"{path}/result", headers={"Prefer": "wait=0"})
    assert (early.status_code, early.json()["status"]) == (202, "running")
    late = person.http.get(f"{path}/result", headers={"Prefer": "wait=20"})
    assert (late.status_code, late.headers["Preference-Applied"]) == (200, "wait=20")
    assert person.open_result(late.json()) == {"done": True}
    assert person.request("GET", f"{ended}/result")["status"] == "completed"


def test_a_paused_execution_ends_the_step_in_flight_and_holds_before_the_next(
    person: Client,
) -> None:
    path = begin(person, NAPS)
    until(lambda: person.request("GET", path)["current"] == ["/do/0"])
    asked = person.http.post(f"{path}/pause")
    assert (asked.status_code, asked.json()["paused"]) == (202, True)
    until(lambda: ("", "paused") in happened(person.request("GET", f"{path}/steps")["steps"]))
    told = person.request("GET", path)
    assert (told["status"], told["paused"], told["current"]) == ("running", True, [])
    assert person.http.post(f"{path}/pause").json() == asked.json()
    assert person.http.post(f"{path}/resume").json()["paused"] is False
    assert person.request("GET", path, headers={"Prefer": "wait=20"})["status"] == "completed"
    assert happened(person.request("GET", f"{path}/steps")["steps"]) == [
        ("/do/0", "started"),
        ("/do/0", "completed"),
        ("", "paused"),
        ("", "resumed"),
        ("/do/1", "started"),
        ("/do/1", "completed"),
    ]
    for verb in ("pause", "resume"):
        late = person.http.post(f"{path}/{verb}")
        assert (late.status_code, late.json()["code"]) == (409, "execution_ended")


def test_all_branches_of_a_fork_hold_and_one_that_is_paused_can_be_cancelled(
    person: Client,
) -> None:
    branch = "do: [{nap: {wait: {seconds: 2}}}, {after: {set: {n: 1}}}]"
    path = begin(
        person,
        HEAD
        + f"do:\n  - both: {{fork: {{branches: [{{a: {{{branch}}}}}, {{b: {{{branch}}}}}]}}}}\n",
    )
    naps = [f"/do/0/fork/branches/{at}/do/0" for at in (0, 1)]
    until(lambda: set(naps) <= set(person.request("GET", path)["current"]))
    person.request("POST", f"{path}/pause")
    over = {(nap, "completed") for nap in naps}
    until(lambda: over <= set(happened(person.request("GET", f"{path}/steps")["steps"])))
    assert person.request("GET", path)["steps"]["started"] == 5
    person.request("POST", f"{path}/cancel")
    until(lambda: person.request("GET", path)["status"] == "failed")
    told = person.request("GET", path)
    assert (told["paused"], told["steps"]["started"], told["steps"]["cancelled"]) == (False, 5, 3)
