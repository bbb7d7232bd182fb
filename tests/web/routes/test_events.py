"""Events on the running platform: who hears them, and who does not."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client
from engine.store.events import Event, Listener
from engine.store.executions import Execution
from tests.support.platform import Platform, new_agent
from tests.support.waiting import until
from tests.support.web.events import (
    BATCH,
    HEAD,
    collector,
    emitter,
    event,
    listener,
    listening,
    publish,
    runs,
    start_listener,
    starter,
    wait_for_result,
)

pytestmark = pytest.mark.platform


def test_an_event_reaches_every_execution_of_the_account_that_listens_and_no_other(
    laptop: Client, platform: Platform, sessions: sessionmaker[Session]
) -> None:
    with new_agent(platform) as stranger:
        mine = [start_listener(laptop, listener("greeted")) for _ in range(2)]
        theirs = start_listener(stranger, listener("greeted"))
        until(lambda: all(listening(sessions, one) for one in [*mine, theirs]))
        answer = publish(laptop, event("greeted", {"n": 1}))
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
        assert [wait_for_result(laptop, one) for one in mine] == [[{"n": 1}], [{"n": 1}]]
        assert stranger.request("GET", f"/api/executions/{theirs}")["status"] == "running"
        publish(stranger, event("greeted", {"n": 2}))
        assert wait_for_result(stranger, theirs) == [{"n": 2}]


def test_what_an_execution_emits_reaches_another_one(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    waiting = start_listener(laptop, listener("placed", read="envelope"))
    until(lambda: listening(sessions, waiting))
    told = laptop.execute(laptop.create_workflow("emitter", emitter("placed"))["id"], {"order": 7})[
        "opened"
    ]
    assert wait_for_result(laptop, waiting) == [told]
    assert (told["source"], told["data"]) == ("/tests/case/1.0.0", {"order": 7})


def test_an_event_for_one_execution_reaches_it_alone(laptop: Client) -> None:
    one, other = start_listener(laptop, listener("go")), start_listener(laptop, listener("go"))
    path = f"/api/executions/{one}/events"
    assert publish(laptop, event("go", 1), path=path).status_code == 202
    assert wait_for_result(laptop, one) == [1]
    assert laptop.request("GET", f"/api/executions/{other}")["status"] == "running"
    late = publish(laptop, event("go", 2), path=path)
    assert (late.status_code, late.json()["code"]) == (409, "execution_ended")


def test_another_accounts_execution_cannot_be_addressed(laptop: Client, platform: Platform) -> None:
    with new_agent(platform) as stranger:
        theirs = start_listener(stranger, listener("go"))
        for execution_id in (theirs, str(uuid7())):
            answer = publish(laptop, event("go"), path=f"/api/executions/{execution_id}/events")
            assert (answer.status_code, answer.json()["code"]) == (404, "execution_unknown")


def test_events_come_in_their_order_and_once(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    document = collector(["n"], 250)
    waiting = start_listener(laptop, document)
    until(lambda: listening(sessions, waiting))
    told = [event("n", number) for number in range(250)]
    for first in range(0, 250, 50):
        publish(laptop, told[first : first + 50], kind=BATCH)
        publish(laptop, told[first : first + 50], kind=BATCH)
    assert wait_for_result(laptop, waiting) == list(range(250))


def test_an_event_starts_what_is_scheduled_on_it(laptop: Client, platform: Platform) -> None:
    with new_agent(platform) as stranger:
        mine = laptop.create_workflow("mine", starter("beat"))
        theirs = stranger.create_workflow("theirs", starter("beat"))
        assert (mine["diagnostics"], mine["status"]) == ([], "draft")
        document = (
            HEAD
            + "schedule: {on: {one: {with: {type: beat}}}, read: raw}\n"
            + "do: [{a: {set: '${ {raw: .} }'}}]\n"
        )
        raw = laptop.create_workflow("raw", document)
        for each in (mine, raw):
            publish_until(laptop, each["id"], "beat", {"bpm": 40})
        assert wait_for_result(laptop, runs(laptop, mine["id"])) == {"got": [{"bpm": 40}]}
        assert wait_for_result(laptop, runs(laptop, raw["id"])) == {"raw": ['{"bpm":40}']}
        assert (
            stranger.request("GET", f"/api/workflows/{theirs['id']}")["workflow"]["status"]
            == "draft"
        )


def publish_until(client: Client, workflow_id: str, kind: str, data: Any) -> None:
    """Publish until the schedule has heard it: it begins a moment after its definition is saved."""

    def heard() -> bool:
        publish(client, event(kind, data))
        workflow = client.request("GET", f"/api/workflows/{workflow_id}")["workflow"]
        return bool(workflow["lastExecutionId"])

    until(heard)


def test_a_definition_with_an_interval_runs_by_itself(laptop: Client) -> None:
    workflow = laptop.create_workflow(
        "clock", HEAD + "schedule: {every: PT1S}\ndo: [{a: {set: '${ {input: .} }'}}]\n"
    )
    first = runs(laptop, workflow["id"])
    assert wait_for_result(laptop, first) == {"input": None}
    until(lambda: runs(laptop, workflow["id"]) != first)
    listed = laptop.request("GET", "/api/workflows")["workflows"]
    (status,) = [one["status"] for one in listed if one["id"] == workflow["id"]]
    assert status in {"running", "completed"}


def test_who_listens_for_lifecycle_events_hears_what_becomes_of_others(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    prefix = "io.serverlessworkflow.workflow"
    kinds = [f"{prefix}.{phase}.v1" for phase in ("started", "completed", "faulted")]
    document = collector(kinds, 4, read="envelope")
    waiting = start_listener(laptop, document)
    until(lambda: listening(sessions, waiting))
    good = laptop.create_workflow("good", HEAD + "do: [{a: {set: {n: 1}}}]\n")["id"]
    failing = HEAD + "do: [{a: {raise: {error: {type: 'urn:x', status: 418}}}}]\n"
    bad = laptop.create_workflow("bad", failing)["id"]
    ids = [laptop.execute(one)["executionId"] for one in (good, bad)]
    told = wait_for_result(laptop, waiting)
    assert [one["type"].split(".")[3] for one in told] == [
        "started",
        "completed",
        "started",
        "faulted",
    ]
    assert [one["data"]["name"] for one in told] == [
        f"case-{one}.tests" for one in ids for _ in "12"
    ]
    assert told[0]["data"]["definition"] == {
        "name": "case",
        "namespace": "tests",
        "version": "1.0.0",
    }
    assert told[1]["data"]["outputUri"] == f"/api/executions/{ids[0]}"
    assert told[3]["data"]["error"]["status"] == 418


def test_a_definition_that_runs_when_others_end_does_not_hear_its_own_end(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    kind = "io.serverlessworkflow.workflow.completed.v1"
    workflow = laptop.create_workflow("after all others", starter(kind))["id"]
    other = laptop.create_workflow("other", HEAD + "do: [{a: {set: {n: 1}}}]\n")["id"]

    def own() -> list[str]:
        with sessions() as session:
            return [
                str(one)
                for one in session.scalars(
                    select(Execution.id).where(Execution.definition_id == UUID(workflow))
                )
            ]

    until(lambda: laptop.execute(other) and own())
    wait_for_result(laptop, own()[0])
    before = len(own())
    laptop.execute(other)
    until(lambda: len(own()) > before)
    heard = [wait_for_result(laptop, one)["got"][0]["name"].removeprefix("case-") for one in own()]
    assert not {name.partition(".")[0] for name in heard} & set(own())


def test_nothing_of_an_event_stands_in_the_clear_and_listeners_go_with_their_execution(
    laptop: Client, sessions: sessionmaker[Session]
) -> None:
    kind = f"canary.{uuid7()}"
    waiting = start_listener(laptop, listener(kind))
    until(lambda: listening(sessions, waiting))
    publish(laptop, event(kind, "canary"))
    assert wait_for_result(laptop, waiting) == ["canary"]
    until(lambda: not listening(sessions, waiting))
    with sessions() as session:
        rows = [*session.scalars(select(Event)), *session.scalars(select(Listener))]
        assert rows
        assert not [row for row in rows if "canary" in str(vars(row))]
