"""Failed executions are retried on the running platform: from the failed step, one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bin.devtools.stack.client import Client, RefusedError
from tests.support.waiting import until
from tests.support.web.executions import HEAD, SLEEPER

pytestmark = pytest.mark.platform


ANY = {"If-Match": "*"}
GATED = (
    HEAD
    + """\
use: {secrets: [mood]}
do:
  - first: {set: {by: '${ $workflow.id }'}}
  - gate: {if: '$secrets.mood == "bad"', raise: {error: {type: 'urn:closed', status: 500}}}
  - last: {set: '${ . + {done: true} }'}
"""
)


@pytest.fixture
def failed(laptop: Client) -> str:
    """The id of an execution that failed at a gate, which is open now."""
    laptop.request("PUT", "/api/secrets/mood", json={"value": "bad"})
    workflow = laptop.create_workflow("gated", GATED)
    told = laptop.execute(workflow["id"])
    assert (told["status"], laptop.open(told["error"]["sealed"])["type"]) == (
        "failed",
        "urn:closed",
    )
    laptop.request("PUT", "/api/secrets/mood", json={"value": "good"}, headers=ANY)
    return str(told["executionId"])


def retry(laptop: Client, execution_id: str, **body: str) -> dict[str, Any]:
    options = {"json": body, "headers": {"Prefer": "wait=20"}}
    return laptop.request("POST", f"/api/executions/{execution_id}/retry", **options)


def test_a_retry_goes_on_from_the_failed_step_with_what_was_done(
    laptop: Client, failed: str
) -> None:
    told = retry(laptop, failed)
    assert (told["status"], told["retryOf"]) == ("completed", failed)
    assert laptop.open_result(told) == {"by": failed, "done": True}
    read = laptop.request("GET", f"/api/executions/{told['executionId']}")
    assert (read["retryOf"], read["status"]) == (failed, "completed")
    assert laptop.request("GET", f"/api/executions/{failed}")["status"] == "failed"


def test_only_one_execution_goes_on_for_a_failed_one(laptop: Client, failed: str) -> None:
    def ask(_: int) -> int:
        return laptop.http.post(f"/api/executions/{failed}/retry", json={}).status_code

    with ThreadPoolExecutor(4) as threads:
        statuses = sorted(threads.map(ask, range(4)))
    assert statuses in ([200, 409, 409, 409], [202, 409, 409, 409])
    with pytest.raises(RefusedError) as refused:
        retry(laptop, failed)
    assert refused.value.problem["code"] == "execution_retried"


def test_a_retry_that_fails_leaves_room_for_another(laptop: Client, failed: str) -> None:
    laptop.request("PUT", "/api/secrets/mood", json={"value": "bad"}, headers=ANY)
    again = retry(laptop, failed)
    assert again["status"] == "failed"
    laptop.request("PUT", "/api/secrets/mood", json={"value": "good"}, headers=ANY)
    last = retry(laptop, again["executionId"])
    assert laptop.open_result(last) == {"by": failed, "done": True}


def test_what_has_not_failed_is_not_retried(laptop: Client, failed: str) -> None:
    done = retry(laptop, failed)["executionId"]
    workflow = laptop.create_workflow("sleeper", SLEEPER)
    running = laptop.execute(workflow["id"], wait=0)["executionId"]
    for execution_id in (done, running):
        answer = laptop.http.post(f"/api/executions/{execution_id}/retry")
        assert (answer.status_code, answer.json()["code"]) == (409, "execution_not_failed")
    laptop.request("POST", f"/api/executions/{running}/terminate")


def test_a_terminated_execution_is_retried_from_the_beginning_and_a_cancelled_one_where_it_stood(
    laptop: Client,
) -> None:
    workflow = laptop.create_workflow("sleeper", SLEEPER)
    execution_id = laptop.execute(workflow["id"], wait=0)["executionId"]
    for how in ("terminate", "cancel", "terminate"):
        path = f"/api/executions/{execution_id}"
        laptop.request("POST", f"{path}/{how}")
        until(lambda path=path: laptop.request("GET", path)["status"] == "failed")  # type: ignore[misc]
        answer = laptop.http.post(f"{path}/retry", headers={"Prefer": "wait=0"})
        assert answer.status_code == 202, answer.text
        execution_id = answer.json()["executionId"]
    laptop.request("POST", f"/api/executions/{execution_id}/terminate")


def test_a_retry_under_a_key_is_one_execution(laptop: Client, failed: str) -> None:
    headers = {"Idempotency-Key": "once", "Prefer": "wait=20"}
    told = [
        laptop.request("POST", f"/api/executions/{failed}/retry", json={}, headers=headers)
        for _ in range(2)
    ]
    assert told[0]["executionId"] == told[1]["executionId"]
    assert laptop.open_result(told[1]) == {"by": failed, "done": True}


def test_a_retry_by_the_latest_version_goes_on_in_the_mended_definition(laptop: Client) -> None:
    steps = HEAD + "do:\n  - first: {set: {by: '${ $workflow.id }'}}\n"
    broken = steps + "  - second: {raise: {error: {type: 'urn:x', status: 500}}}\n"
    workflow = laptop.create_workflow("broken", broken)
    failed = laptop.execute(workflow["id"])["executionId"]
    assert retry(laptop, failed, version="same")["status"] == "failed"
    mended = steps + "  - new: {set: {a: 1}}\n  - second: {set: '${ . + {mended: true} }'}\n"
    laptop.change_workflow(workflow["id"], "mended", mended)
    told = retry(laptop, failed, version="latest")
    assert laptop.open_result(told) == {"by": failed, "mended": True}
    read = laptop.request("GET", f"/api/executions/{told['executionId']}")
    assert read["workflowVersion"] == workflow["version"] + 1
