"""An account's executions found again, and stopped, on the running platform."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client as TemporalClient
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client
from bin.devtools.stack.servers import Stack
from engine.store.executions import Execution
from tests.support.platform import Platform
from tests.support.waiting import until
from tests.support.web.executions import HEAD, NOON, SLEEPER, fill
from tests.support.web.people import Person


def listed(client: FlaskClient, person: Person, path: str = "/api/executions", **query: str) -> Any:
    return client.get(path, query_string=query, headers=person.headers).get_json()


def ids(answer: Any) -> list[str]:
    return [one["executionId"] for one in answer["executions"]]


@pytest.mark.stack
def test_executions_are_found_by_status_workflow_and_time(
    client: FlaskClient,
    person: Person,
    stranger: Person,
    sessions: sessionmaker[Session],
    stack: Stack,
) -> None:
    first, (a, b, c) = fill(sessions, person, ["completed", "failed", "running"])
    second, (d,) = fill(sessions, person, ["completed"])
    fill(sessions, stranger, ["completed"])
    everything = listed(client, person)
    assert set(ids(everything)) == {a, b, c, d}
    assert (everything["hasMore"], everything["cursor"]) == (False, None)
    (newest,) = listed(client, person, limit="1")["executions"]
    pages = f"{stack.temporal_ui_url}/namespaces/{stack.temporal_namespace}"
    assert newest == {
        "executionId": c,
        "workflowId": first,
        "workflowVersion": 1,
        "status": "running",
        "retryOf": None,
        "createdAt": "2026-01-31T12:02:00.000000Z",
        "endedAt": None,
        "temporalUrl": f"{pages}/workflows/execution:{c}",
    }
    assert ids(listed(client, person, status="failed")) == [b]
    assert ids(listed(client, person, workflowId=second)) == [d]
    assert ids(
        listed(client, person, f"/api/workflows/{first}/executions", status="completed")
    ) == [a]
    since, before = "2026-01-31T12:01:00Z", "2026-01-31T13:02:00+01:00"
    assert ids(listed(client, person, since=since, until=before)) == [b]
    assert (
        listed(client, stranger, f"/api/workflows/{first}/executions")["code"] == "workflow_unknown"
    )


@pytest.mark.stack
def test_pages_follow_each_other_and_what_is_new_does_not_shift_them(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    _, made = fill(sessions, person, ["completed"] * 5)
    page = listed(client, person, limit="2")
    seen = ids(page)
    with sessions.begin() as session:
        newer = session.get_one(Execution, UUID(made[0]))
        newer.created_at = NOON + timedelta(hours=1)
    while page["hasMore"]:
        page = listed(client, person, limit="2", cursor=page["cursor"])
        seen += ids(page)
    assert seen == [made[4], made[3], made[2], made[1]]


@pytest.mark.stack
@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "x"},
        {"cursor": "zz.zz"},
        {"since": "yesterday"},
        {"status": "draft"},
        {"limit": "0"},
        {"a": "b"},
    ],
)
def test_what_is_no_query_is_refused(
    client: FlaskClient, person: Person, query: dict[str, str]
) -> None:
    refused = client.get("/api/executions", query_string=query, headers=person.headers)
    assert refused.status_code == 422
    assert refused.get_json()["errors"]


@pytest.mark.platform
async def test_workflows_of_others_that_are_called_like_ours_keep_nobody_from_being_settled(
    platform: Platform, laptop: Client
) -> None:
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    for foreign in (f"execution:{uuid7()}x", "execution", str(uuid7()), f"other:{uuid7()}"):
        handle = await temporal.start_workflow("execution", id=foreign, task_queue="nowhere")
        await handle.terminate()
    workflow = laptop.create_workflow("sleeper", SLEEPER)
    path = f"/api/executions/{laptop.execute(workflow['id'], wait=0)['executionId']}"
    laptop.request("POST", f"{path}/terminate")
    assert until(lambda: laptop.request("GET", path)["status"] == "failed")


@pytest.mark.platform
@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_a_running_execution_is_stopped_and_one_that_has_ended_cannot_be(
    laptop: Client, how: str
) -> None:
    workflow = laptop.create_workflow("sleeper", SLEEPER)
    execution_id = laptop.execute(workflow["id"], wait=0)["executionId"]
    path = f"/api/executions/{execution_id}"
    asked = laptop.http.post(f"{path}/{how}")
    assert (asked.status_code, asked.json()["status"]) == (202, "running")
    until(lambda: laptop.request("GET", path)["status"] == "failed")
    told = laptop.request("GET", path)
    assert told["error"]["type"].endswith("/runtime")
    again = laptop.http.post(f"{path}/{how}")
    assert (again.status_code, again.json()["code"]) == (409, "execution_ended")


@pytest.mark.platform
def test_the_end_of_an_execution_is_waited_for_as_long_as_is_preferred(laptop: Client) -> None:
    nap = HEAD + "do:\n  - nap: {wait: {milliseconds: 300}}\n  - done: {set: {done: true}}\n"
    workflow = laptop.create_workflow("nap", nap)
    path = f"/api/executions/{laptop.execute(workflow['id'], wait=0)['executionId']}"
    at_once = laptop.http.get(path)
    assert "Preference-Applied" not in at_once.headers
    answer = laptop.http.get(path, headers={"Prefer": "wait=20"})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=20")
    told = answer.json()
    assert (told["status"], laptop.open_result(told)) == ("completed", {"done": True})
    assert told["endedAt"] > told["createdAt"]


@pytest.mark.platform
def test_a_wait_that_is_too_short_finds_the_execution_running(laptop: Client) -> None:
    workflow = laptop.create_workflow("sleeper", SLEEPER)
    path = f"/api/executions/{laptop.execute(workflow['id'], wait=0)['executionId']}"
    told = laptop.http.get(path, headers={"Prefer": "wait=1"}).json()
    assert (told["status"], told["endedAt"]) == ("running", None)
    laptop.request("POST", f"{path}/terminate")


@pytest.mark.platform
def test_a_stop_may_be_asked_for_twice(laptop: Client) -> None:
    workflow = laptop.create_workflow("sleeper", SLEEPER)
    path = f"/api/executions/{laptop.execute(workflow['id'], wait=0)['executionId']}"
    asked = {
        laptop.http.post(f"{path}/{how}").status_code for how in ("cancel", "cancel", "terminate")
    }
    assert asked <= {202, 409}
    until(lambda: laptop.request("GET", path)["status"] == "failed")
