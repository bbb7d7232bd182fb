"""What is accepted is done, whatever dies in between."""

import pytest
from temporalio.client import Client as TemporalClient

from bin.devtools.stack.client import Client
from tests.support.journeys.executions import HEAD, started_to_wait, wait_for_end
from tests.support.journeys.fragile import Fragile
from tests.support.journeys.streams import EVENT_SECONDS_MAX, listen
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


def document(fragile: Fragile) -> str:
    """A call, a nap, and a call with what the first one answered."""
    return f"""{HEAD}
do:
  - before:
      call: http
      with: {{method: post, endpoint: {fragile.service.url}/before, body: '${{ {{got: .}} }}'}}
  - nap: {{wait: {{seconds: 3}}}}
  - after:
      call: http
      with: {{method: post, endpoint: {fragile.service.url}/after, body: '${{ {{then: .got}} }}'}}
"""


async def test_an_execution_survives_a_killed_worker_and_repeats_nothing(fragile: Fragile) -> None:
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("long", document(fragile))
        answer = laptop.execute(workflow["id"], {"n": 1}, wait=0)
        assert answer["status"] == "running"
        await started_to_wait(fragile, answer["executionId"])
        fragile.kill("temporal")
        assert (
            laptop.request("GET", f"/api/executions/{answer['executionId']}")["status"] == "running"
        )
        fragile.revive("temporal")
        execution = wait_for_end(laptop, answer["executionId"])
        assert laptop.open_result(execution) == {"then": {"n": 1}}
    paths = fragile.service.paths
    assert [paths.get_nowait() for _ in range(paths.qsize())] == ["/before", "/after"]


def test_without_a_worker_nobody_is_told_an_end_without_its_result(fragile: Fragile) -> None:
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("short", HEAD + "do:\n  - a: {set: {a: 1}}\n")
        answer = laptop.execute(workflow["id"])
        fragile.kill("temporal")
        try:
            response = laptop.http.get(f"/api/executions/{answer['executionId']}")
            assert (response.status_code, response.json()["code"]) == (503, "temporal_unavailable")
        finally:
            fragile.revive("temporal")
        assert laptop.open_result(wait_for_end(laptop, answer["executionId"])) == {"a": 1}


def test_what_is_created_and_executed_while_temporal_is_down_runs_when_it_is_back(
    fragile: Fragile,
) -> None:
    with new_agent(fragile.platform) as laptop:
        before = laptop.create_workflow("before", HEAD + "do:\n  - a: {set: {a: 1}}\n")
        fragile.kill("Temporal")
        try:
            good = laptop.create_workflow("good", HEAD + "do:\n  - b: {set: {b: '${ . }'}}\n")
            bad = laptop.create_workflow("bad", HEAD + "do: []\n")
            assert (bad["status"], bad["diagnostics"]) == ("draft", [])
            answers = [laptop.execute(workflow["id"], 2) for workflow in (before, good)]
            assert [answer["status"] for answer in answers] == ["running", "running"]
            assert laptop.http.get("/health/ready").status_code == 503
        finally:
            fragile.revive("Temporal")
        results = [
            laptop.open_result(wait_for_end(laptop, answer["executionId"])) for answer in answers
        ]
        assert results == [{"a": 1}, {"b": 2}]
        until(
            lambda: laptop.request("GET", f"/api/workflows/{bad['id']}")["workflow"]["diagnostics"]
        )


@pytest.mark.parametrize("stop", ["terminate", "cancel"])
async def test_an_execution_stopped_in_temporal_is_settled_for_its_owner(
    fragile: Fragile, stop: str
) -> None:
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("endless", HEAD + "do:\n  - nap: {wait: {hours: 1}}\n")
        execution_id = laptop.execute(workflow["id"], wait=0)["executionId"]
        await started_to_wait(fragile, execution_id)
        temporal = await TemporalClient.connect(fragile.stack.temporal_address)
        handle = temporal.get_workflow_handle(f"execution:{execution_id}")
        await (handle.terminate() if stop == "terminate" else handle.cancel())
        execution = wait_for_end(laptop, execution_id)
        assert (execution["status"], execution["error"]["status"]) == ("failed", 500)
        after = laptop.request("GET", f"/api/workflows/{workflow['id']}")["workflow"]
        assert after["status"] == "failed"


def test_a_stop_that_is_asked_for_while_temporal_is_down_is_made_when_it_is_back(
    fragile: Fragile,
) -> None:
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("endless", HEAD + "do:\n  - nap: {wait: {hours: 1}}\n")
        first_id = laptop.execute(workflow["id"], wait=0)["executionId"]
        fragile.kill("Temporal")
        try:
            waiting = laptop.execute(workflow["id"], wait=0)["executionId"]
            for execution_id in (first_id, waiting):
                answer = laptop.request("POST", f"/api/executions/{execution_id}/cancel")
                assert answer["status"] == "running"
        finally:
            fragile.revive("Temporal")
        for execution_id in (first_id, waiting):
            assert wait_for_end(laptop, execution_id)["status"] == "failed"


def test_pushes_while_redis_is_down_are_all_accepted_and_told_when_it_is_back(
    fragile: Fragile,
) -> None:
    with (
        new_agent(fragile.platform) as laptop,
        Client(fragile.platform.api_url, "phone", laptop.keys) as phone,
    ):
        phone.login(laptop.email, laptop.password)
        event_ids = listen(phone)
        fragile.kill("Valkey")
        try:
            for number in range(5):
                laptop.push(f"note-{number}", number, version="1", clock={"laptop": 1})
        finally:
            fragile.revive("Valkey")
        page = phone.pull()
        assert [state["opened"] for state in page["states"]] == [0, 1, 2, 3, 4]
        # An earlier notice may tell of the first pushes; one of them, in the end, of all.
        until(lambda: event_ids.get(timeout=EVENT_SECONDS_MAX) == page["head"])


def test_without_the_database_every_door_says_so_and_opens_again(fragile: Fragile) -> None:
    with new_agent(fragile.platform) as laptop:
        laptop.push("kept", 1, version="1", clock={"laptop": 1})
        fragile.kill("PostgreSQL")
        try:
            for method, path in (
                ("GET", "/api/sync/pull"),
                ("GET", "/api/workflows"),
                ("POST", "/api/sync/push"),
            ):
                response = laptop.http.request(method, path)
                assert (response.status_code, response.json()["code"]) == (
                    503,
                    "database_unavailable",
                )
                assert int(response.headers["Retry-After"]) > 0
            assert laptop.http.get("/health/live").status_code == 200
            assert laptop.http.get("/health/ready").json()["database"]["ok"] is False
        finally:
            fragile.revive("PostgreSQL")
        page = until(
            lambda: (answer := laptop.http.get("/api/sync/pull")).is_success and answer.json()
        )
        assert [state["entityId"] for state in page["states"]] == ["kept"]
