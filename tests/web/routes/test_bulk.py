"""Bulk jobs and the deletion of executions, on the running platform."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client as TemporalClient
from temporalio.service import RPCError

from bin.devtools.stack.client import Client, RefusedError
from engine.store.executions import Execution
from engine.store.workflows import Definition
from tests.support.platform import Platform
from tests.support.waiting import until
from tests.support.web.executions import HEAD, SLEEPER, fill
from tests.support.web.people import Make, Person

DONE = HEAD + "do: [{a: {set: {n: 1}}}]\n"


def over(laptop: Client, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = until(
        lambda: (
            (told := laptop.request("GET", f"/api/bulk/{job['id']}"))["status"] == "done" and told
        )
    )
    return found


def counts(job: dict[str, Any]) -> tuple[int, int, int]:
    return job["matched"], job["done"], job["failed"]


@pytest.mark.platform
def test_all_running_executions_of_a_workflow_are_cancelled_and_no_other(laptop: Client) -> None:
    sleeper, other = laptop.create_workflow("a", SLEEPER), laptop.create_workflow("b", SLEEPER)
    ids = [laptop.execute(sleeper["id"], wait=0)["executionId"] for _ in range(5)]
    spared = laptop.execute(other["id"], wait=0)["executionId"]
    job = laptop.bulk("cancel", status="running", workflowId=sleeper["id"])
    assert (job["status"], job["matched"], job["action"]) == ("running", 5, "cancel")
    told = over(laptop, job)
    assert (counts(told), told["endedAt"] > told["createdAt"]) == ((5, 5, 0), True)
    until(lambda: {_status(laptop, execution_id) for execution_id in ids} == {"failed"})
    assert _status(laptop, spared) == "running"
    assert counts(over(laptop, laptop.bulk("terminate", workflowId=other["id"]))) == (1, 1, 0)
    assert [one["id"] for one in laptop.request("GET", "/api/bulk")["jobs"]][-1] == job["id"]


@pytest.mark.platform
def test_what_has_ended_cannot_be_cancelled_and_is_counted_as_failed(laptop: Client) -> None:
    workflow = laptop.create_workflow("done", DONE)
    for _ in range(3):
        laptop.execute(workflow["id"])
    assert counts(over(laptop, laptop.bulk("cancel", workflowId=workflow["id"]))) == (3, 0, 3)


@pytest.mark.platform
def test_executions_are_paused_resumed_and_retried_in_bulk(laptop: Client) -> None:
    workflow = laptop.create_workflow("sleeper", SLEEPER)
    ids = {laptop.execute(workflow["id"], wait=0)["executionId"] for _ in range(3)}
    for action, paused in (("pause", True), ("resume", False)):
        assert counts(over(laptop, laptop.bulk(action, status="running"))) == (3, 3, 0)
        shown = [laptop.request("GET", f"/api/executions/{one}")["paused"] for one in ids]
        assert shown == [paused] * 3
    over(laptop, laptop.bulk("cancel"))
    until(lambda: {_status(laptop, execution_id) for execution_id in ids} == {"failed"})
    assert counts(over(laptop, laptop.bulk("retry", status="failed"))) == (3, 3, 0)
    listed = laptop.request("GET", "/api/executions", params={"status": "running"})["executions"]
    assert {one["retryOf"] for one in listed} == ids
    laptop.bulk("terminate", status="running")


@pytest.mark.platform
async def test_ended_executions_are_deleted_with_what_temporal_keeps(
    laptop: Client, platform: Platform
) -> None:
    workflow = laptop.create_workflow("done", DONE)
    ids = [laptop.execute(workflow["id"])["executionId"] for _ in range(3)]
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    handle = temporal.get_workflow_handle(f"execution:{ids[0]}")
    assert (await handle.describe()).close_time is not None
    assert counts(over(laptop, laptop.bulk("delete", status="completed"))) == (3, 3, 0)
    assert laptop.request("GET", "/api/executions")["executions"] == []
    assert laptop.http.get(f"/api/executions/{ids[0]}").status_code == 404

    async def gone() -> bool:
        try:
            await handle.describe()
        except RPCError:
            return True
        return False

    while not await gone():
        pass
    shown = laptop.request("GET", f"/api/workflows/{workflow['id']}")["workflow"]
    assert (shown["status"], shown["lastExecutionId"]) == ("draft", None)


@pytest.mark.platform
def test_an_execution_is_deleted_once_it_has_ended(laptop: Client) -> None:
    workflow = laptop.create_workflow("sleeper", SLEEPER)
    path = f"/api/executions/{laptop.execute(workflow['id'], wait=0)['executionId']}"
    refused = laptop.http.delete(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "execution_running")
    laptop.request("POST", f"{path}/terminate")
    until(lambda: laptop.request("GET", path)["status"] == "failed")
    assert laptop.http.delete(path).status_code == 204
    assert laptop.http.delete(path).status_code == 404


@pytest.mark.stack
def test_a_workflow_follows_the_newest_execution_that_is_left(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    definition_id, ids = fill(sessions, person, ["failed", "completed"])
    with sessions.begin() as session:
        definition = session.get_one(Definition, UUID(definition_id))
        definition.last_execution_id, definition.status = UUID(ids[1]), "completed"
    assert client.delete(f"/api/executions/{ids[1]}", headers=person.headers).status_code == 204
    with sessions() as session:
        definition = session.get_one(Definition, UUID(definition_id))
        assert (definition.status, str(definition.last_execution_id)) == ("failed", ids[0])
        assert session.scalars(
            select(Execution.status).where(Execution.definition_id == definition.id)
        ).all()


@pytest.mark.stack
def test_few_jobs_run_at_once(make: Make) -> None:
    client = make(BULK_JOBS_PER_ACCOUNT_MAX="0").test_client()
    person = Person(client)
    body = {"action": "cancel", "query": {}}
    refused = client.post("/api/bulk", json=body, headers=person.headers)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "bulk_too_many")


@pytest.mark.platform
def test_a_job_is_made_once_for_each_key(laptop: Client) -> None:
    body, key = {"action": "cancel", "query": {}}, {"Idempotency-Key": "k"}
    first, again = (laptop.request("POST", "/api/bulk", json=body, headers=key) for _ in range(2))
    assert first["id"] == again["id"]
    assert len(laptop.request("GET", "/api/bulk")["jobs"]) == 1


@pytest.mark.platform
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "bury", "query": {}}, "/action"),
        ({"action": "cancel"}, "/query"),
        ({"action": "cancel", "query": {"status": "draft"}}, "/query/status"),
        ({"action": "cancel", "query": {"since": "soon"}}, "/query/since"),
        ({"action": "cancel", "query": {"of": 1}}, "/query/of"),
    ],
)
def test_what_is_no_job_is_refused(laptop: Client, body: dict[str, Any], pointer: str) -> None:
    with pytest.raises(RefusedError) as refused:
        laptop.request("POST", "/api/bulk", json=body)
    problem = refused.value.problem
    assert (problem["status"], problem["errors"][0]["pointer"]) == (422, pointer)


def _status(laptop: Client, execution_id: str) -> str:
    status: str = laptop.request("GET", f"/api/executions/{execution_id}")["status"]
    return status
