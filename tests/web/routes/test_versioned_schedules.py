"""A workflow's schedule through its versions, on the running platform."""

import asyncio

import pytest
from temporalio.client import Client as TemporalClient
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from bin.devtools.stack.client import Client
from tests.support.platform import Platform
from tests.support.waiting import until
from tests.support.web.workflows import put, saying

pytestmark = pytest.mark.platform


def beats(client: Client, workflow_id: str) -> list[tuple[int, str]]:
    """Return the version and status of a scheduled workflow's executions, newest first."""
    runs = client.request("GET", f"/api/workflows/{workflow_id}/executions", params={"limit": 100})
    return [(run["workflowVersion"], run["status"]) for run in runs["executions"]]


def stands(platform: Platform, workflow_id: str) -> WorkflowExecutionStatus | None:
    """Return how a Temporal workflow stands; nothing when there is none."""

    async def described() -> WorkflowExecutionStatus | None:
        temporal = await TemporalClient.connect(
            platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
        )
        try:
            return (await temporal.get_workflow_handle(workflow_id).describe()).status
        except RPCError:
            return None

    return asyncio.run(described())


def test_a_schedule_follows_its_workflow_to_the_end(laptop: Client) -> None:
    every = "schedule: {every: PT1S}\n"
    workflow_id = laptop.create_workflow("clock", saying("one", top=every))["id"]
    until(lambda: (1, "completed") in beats(laptop, workflow_id))
    put(laptop, workflow_id, saying("two", top=every)).raise_for_status()
    before = len([beat for beat in beats(laptop, workflow_id) if beat[0] == 1])
    until(
        lambda: len([beat for beat in beats(laptop, workflow_id) if beat == (2, "completed")]) > 1
    )
    assert len([beat for beat in beats(laptop, workflow_id) if beat[0] == 1]) == before
    path = f"/api/workflows/{workflow_id}"
    until(lambda: laptop.http.delete(path, headers={"If-Match": "*"}).status_code == 204)
    assert laptop.request("GET", "/api/schedules")["schedules"] == []


def test_a_schedule_ends_with_the_version_that_has_one(platform: Platform, laptop: Client) -> None:
    listening = "schedule: {on: {one: {with: {type: org.example.never}}}}\n"
    workflow_id = laptop.create_workflow("hears", saying("one", top=listening))["id"]
    schedule = f"schedule:{workflow_id}:on"
    until(lambda: stands(platform, schedule) == WorkflowExecutionStatus.RUNNING)
    put(laptop, workflow_id, saying("two")).raise_for_status()
    # Terminated, or ended: one that has just begun reads the newest version, without a schedule.
    gone = {WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.COMPLETED}
    assert until(lambda: stands(platform, schedule) in gone)
