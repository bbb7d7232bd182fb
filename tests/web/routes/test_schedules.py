"""Schedules on the running platform: made, listed, changed, paused, run."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client
from engine.store.schedules import Schedule
from tests.support.platform import Platform, beside
from tests.support.waiting import until
from tests.support.web.schedules import (
    ECHO,
    HEAD,
    YEARLY,
    create_schedule,
    path,
    refusal,
    wait_for_end,
    wait_for_firings,
)

pytestmark = [pytest.mark.platform, pytest.mark.usefixtures("_stopped")]


def test_a_workflow_is_executed_every_so_often_with_the_input_it_was_given(laptop: Client) -> None:
    schedule = create_schedule(laptop, every="PT1S", input={"n": 1})
    assert (schedule["every"], schedule["origin"], schedule["overlap"]) == (1, "client", "skip")
    first, second = wait_for_firings(laptop, schedule, 2)[:2]
    assert first["executionId"] != second["executionId"]
    told = wait_for_end(laptop, second["executionId"])
    assert (told["status"], told["result"]) == ("completed", {"input": {"n": 1}})
    assert {firing["dueAt"][20:] for firing in (first, second)} == {"000000Z"}
    listed = laptop.request("GET", f"/api/workflows/{schedule['workflowId']}/executions")[
        "executions"
    ]
    assert second["executionId"] in {one["executionId"] for one in listed}
    laptop.delete_schedule(schedule)


def test_a_sealed_input_stays_sealed_and_so_does_its_result(laptop: Client) -> None:
    schedule = create_schedule(laptop, input=laptop.seal(b'"secret"'))
    execution_id = laptop.request("POST", f"{path(schedule)}/run")["executionId"]
    assert laptop.open_result(wait_for_end(laptop, execution_id)) == {"input": "secret"}


def test_the_next_times_of_a_cron_expression_are_told_in_its_zone(laptop: Client) -> None:
    schedule = create_schedule(laptop, cron="30 7 * * MON-FRI", timezone="America/New_York")
    times = [
        datetime.fromisoformat(at) for at in laptop.request("GET", path(schedule))["nextTimes"]
    ]
    assert len(times) == 10
    assert times == sorted(times)
    assert {(at.weekday() < 5, at.minute, at.hour in {11, 12}) for at in times} == {
        (True, 30, True)
    }


def test_a_time_of_long_ago_is_told_as_rfc_3339_writes_it(laptop: Client) -> None:
    schedule = create_schedule(laptop, every=60, paused=True, startAt="0079-08-24T13:00:00Z")
    assert schedule["startAt"] == "0079-08-24T13:00:00.000000Z"


WRONG: list[tuple[dict[str, object], list[str]]] = [
    ({"cron": "61 * * * *"}, ["/cron"]),
    ({"cron": "0 0 31 2 *"}, ["/cron"]),
    ({"cron": YEARLY, "timezone": "Mars/Olympus"}, ["/timezone"]),
    ({"cron": "nonsense", "timezone": "Mars/Olympus"}, ["/cron", "/timezone"]),
    ({"every": 60, "timezone": "Europe/Paris"}, ["/timezone"]),
    ({"every": "PT0.5S"}, ["/every"]),
    ({"every": "P2Y"}, ["/every"]),
    ({"every": 0}, ["/every"]),
    ({"every": True}, ["/every"]),
    ({"every": "soon"}, ["/every"]),
    ({"every": 60, "cron": YEARLY}, [""]),
    ({}, [""]),
    ({"every": 60, "overlap": "both"}, ["/overlap"]),
    ({"every": 60, "catchupWindow": 5}, ["/catchupWindow"]),
    ({"every": 60, "startAt": "tomorrow"}, ["/startAt"]),
    ({"every": 60, "startAt": "2030-01-02T00:00:00Z", "endAt": "2030-01-01T00:00:00Z"}, ["/endAt"]),
    ({"every": 60, "each": 1}, ["/each"]),
]


def test_what_is_no_schedule_is_refused_with_the_place(laptop: Client) -> None:
    workflow = laptop.create_workflow("scheduled", ECHO)
    for body, pointers in WRONG:
        asked = {"workflowId": workflow["id"]} | body
        problem = refusal(laptop, "POST", "/api/schedules", json=asked)
        assert (problem["status"], problem["at"]) == (422, pointers), body
    unknown = refusal(
        laptop, "POST", "/api/schedules", json={"workflowId": str(UUID(int=1)), "every": 60}
    )
    assert unknown["code"] == "workflow_unknown"


def test_a_schedule_is_changed_by_who_has_seen_it_and_temporal_follows(laptop: Client) -> None:
    schedule = create_schedule(laptop, note="nightly")
    shown = laptop.http.get(path(schedule))
    changes = {
        "cron": "0 12 * * *",
        "timezone": "Asia/Tokyo",
        "overlap": "buffer_one",
        "jitter": "PT1S",
    }
    assert refusal(laptop, "PATCH", path(schedule), json=changes)["status"] == 428
    stale = {"If-Match": '"stale"'}
    assert refusal(laptop, "PATCH", path(schedule), json=changes, headers=stale)["status"] == 412
    seen = {"If-Match": shown.headers["ETag"]}
    answer = laptop.http.patch(path(schedule), json=changes, headers=seen)
    told = answer.json()
    assert (told["timezone"], told["jitter"], told["note"]) == ("Asia/Tokyo", 1, "nightly")
    assert {datetime.fromisoformat(at).hour for at in told["nextTimes"]} == {3}
    assert answer.headers["ETag"] != shown.headers["ETag"]
    assert refusal(laptop, "PATCH", path(schedule), json=changes, headers=seen)["status"] == 412
    now = {"If-Match": answer.headers["ETag"]}
    every = laptop.request(
        "PATCH", path(schedule), json={"every": 3600, "timezone": "UTC"}, headers=now
    )
    assert (every["every"], every["cron"]) == (3600, None)


def test_a_paused_schedule_is_not_due_until_it_is_resumed(laptop: Client) -> None:
    schedule = create_schedule(laptop, every=1, paused=True)
    assert laptop.request("GET", path(schedule))["nextTimes"] == []
    resumed = laptop.request("POST", f"{path(schedule)}/resume")
    assert (resumed["paused"], len(resumed["nextTimes"])) == (False, 10)
    wait_for_firings(laptop, schedule)
    paused = laptop.request("POST", f"{path(schedule)}/pause")
    assert (paused["paused"], paused["nextTimes"]) == (True, [])
    # What was due before the pause may still come; then there is no more of it.
    before = len(laptop.request("GET", path(schedule))["recent"])
    laptop.request("POST", f"{path(schedule)}/run")
    assert len(laptop.request("GET", path(schedule))["recent"]) in {before + 1, before + 2}


def test_run_now_gives_an_execution_that_can_be_waited_for_once_for_each_key(
    laptop: Client,
) -> None:
    schedule = create_schedule(laptop, paused=True, input=[1])
    key = {"Idempotency-Key": "once"}
    first, again = (laptop.request("POST", f"{path(schedule)}/run", headers=key) for _ in range(2))
    assert first["executionId"] == again["executionId"]
    other = laptop.request("POST", f"{path(schedule)}/run")
    assert other["executionId"] != first["executionId"]
    assert wait_for_end(laptop, first["executionId"])["result"] == {"input": [1]}
    recent = laptop.request("GET", path(schedule))["recent"]
    assert {one["executionId"] for one in recent} == {first["executionId"], other["executionId"]}


def test_a_schedule_is_made_once_for_each_key(laptop: Client) -> None:
    workflow = laptop.create_workflow("scheduled", ECHO)
    body = {"workflowId": workflow["id"], "cron": YEARLY}
    first, again = (
        laptop.http.post("/api/schedules", json=body, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(laptop.request("GET", "/api/schedules")["schedules"]) == 1


def test_schedules_are_listed_in_pages_and_by_workflow(laptop: Client) -> None:
    one, two, three = create_schedule(laptop), create_schedule(laptop), create_schedule(laptop)
    page = laptop.request("GET", "/api/schedules", params={"limit": 2})
    assert [found["id"] for found in page["schedules"]] == [three["id"], two["id"]]
    rest = laptop.request("GET", "/api/schedules", params={"limit": 2, "cursor": page["cursor"]})
    assert ([found["id"] for found in rest["schedules"]], rest["hasMore"]) == ([one["id"]], False)
    mine = laptop.request("GET", "/api/schedules", params={"workflowId": two["workflowId"]})
    assert [found["id"] for found in mine["schedules"]] == [two["id"]]


def test_an_account_has_so_many_schedules(laptop: Client, platform: Platform) -> None:
    workflow = laptop.create_workflow("scheduled", ECHO)
    with beside(platform, SCHEDULES_PER_ACCOUNT_MAX="1") as strict:
        body = {"workflowId": workflow["id"], "cron": YEARLY}
        headers = dict(laptop.http.headers)
        with httpx2.Client(base_url=strict.api_url, headers=headers, timeout=40) as http:
            assert http.post("/api/schedules", json=body).status_code == 201
            refusal = http.post("/api/schedules", json=body)
            assert (refusal.status_code, refusal.json()["code"]) == (409, "schedules_too_many")
            assert http.get("/api/workflows/limits").json()["limits"]["schedules"] == 1


def test_a_workflows_own_times_are_schedules_that_can_be_paused_and_run(laptop: Client) -> None:
    text = (
        HEAD
        + "schedule: {every: {hours: 1}, cron: '0 0 28 * *'}\ndo: [{a: {set: '${ {input: .} }'}}]\n"
    )
    workflow = laptop.create_workflow("by itself", text)
    assert workflow["diagnostics"] == []
    found = laptop.request("GET", "/api/schedules", params={"workflowId": workflow["id"]})[
        "schedules"
    ]
    cron, every = sorted(found, key=lambda one: one["every"] is not None)
    assert (cron["cron"], every["every"]) == ("0 0 28 * *", 3600)
    assert {(one["origin"], one["overlap"], one["timezone"]) for one in found} == {
        ("workflow", "allow_all", "UTC")
    }
    assert every["catchupWindow"] == 3600
    until(lambda: len(laptop.request("GET", path(every))["nextTimes"] or []) == 10)
    assert laptop.request("POST", f"{path(every)}/pause")["paused"] is True
    seen = {"If-Match": "*"}
    change = refusal(laptop, "PATCH", path(every), json={"every": 60}, headers=seen)
    assert change["code"] == "schedule_of_workflow"
    assert refusal(laptop, "DELETE", path(every), headers=seen)["code"] == "schedule_of_workflow"
    execution_id = laptop.request("POST", f"{path(cron)}/run")["executionId"]
    assert laptop.open_result(wait_for_end(laptop, execution_id)) == {"input": None}


def test_a_workflow_with_one_schedule_too_many_is_not_run_by_the_clock(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    first = create_schedule(laptop)
    with sessions.begin() as session:
        row = session.get_one(Schedule, UUID(first["id"]))
        session.expunge(row)
        members = {name: getattr(row, name) for name in Schedule.__table__.c.keys()}  # noqa: SIM118
        session.add_all(Schedule(**members | {"id": uuid7()}) for _ in range(99))
    workflow = laptop.create_workflow(
        "one more", HEAD + "schedule: {every: PT1H}\ndo: [{a: {set: {n: 1}}}]\n"
    )
    assert [fault["pointer"] for fault in workflow["diagnostics"]] == ["/schedule"]
    shown = laptop.request("GET", "/api/schedules", params={"workflowId": workflow["id"]})
    assert shown["schedules"] == []
    with sessions.begin() as session:
        others = (
            Schedule.definition_id == UUID(first["workflowId"]),
            Schedule.id != UUID(first["id"]),
        )
        session.execute(delete(Schedule).where(*others))
