"""Somebody leaves: their running workflows end, and no history of theirs is left in Temporal."""

import asyncio
import threading

import pytest
from temporalio.client import WorkflowExecutionStatus

from bin.devtools.stack.client import Client, RefusedError
from engine.config.settings import Settings
from engine.temporal.connection import connect
from tests.support.platform import Platform
from tests.support.waiting import until

pytestmark = pytest.mark.journey


SLOW = """
document: {dsl: 1.0.0, namespace: n, name: slow, version: 1.0.0}
do: [{rest: {wait: {hours: 1}}}]
"""


def list_statuses(platform: Platform, account_id: str) -> list[WorkflowExecutionStatus | None]:
    """Return how the account's workflows stand in Temporal."""

    async def ask() -> list[WorkflowExecutionStatus | None]:
        client = await connect(Settings.from_env(platform.environ), keyed=False)
        return [run.status async for run in client.list_workflows(f"account = '{account_id}'")]

    return asyncio.run(ask())


def follow(client: Client) -> threading.Event:
    """Open the client's live stream, and return what is set once it has ended."""
    is_open, has_ended = threading.Event(), threading.Event()

    def listen() -> None:
        for event in client.events():
            if event.event == "open":
                is_open.set()
        has_ended.set()

    threading.Thread(target=listen, daemon=True).start()
    assert is_open.wait(20)
    return has_ended


def test_leaving_ends_what_runs_and_erases_its_history(platform: Platform, laptop: Client) -> None:
    account_id = laptop.request("GET", "/api/auth/me")["id"]
    workflow = laptop.create_workflow("slow", SLOW)
    assert laptop.execute(workflow["id"], wait=0)["status"] == "running"
    stream = follow(laptop)
    until(lambda: WorkflowExecutionStatus.RUNNING in list_statuses(platform, account_id))
    laptop.http.delete("/api/auth/me").raise_for_status()
    assert stream.wait(20), "the live stream ends"
    until(lambda: not list_statuses(platform, account_id))
    with pytest.raises(RefusedError, match="session_ended"):
        laptop.request("GET", "/api/auth/me")
