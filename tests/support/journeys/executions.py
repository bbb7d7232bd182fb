"""Executions of the fragile platform: their documents, their ends, and their state in Temporal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client as TemporalClient
from temporalio.client import WorkflowHandle

from bin.devtools.stack.client import Client
from engine.contracts.outbox_messages import ExecutionLaunch
from engine.store.outbox import OutboxMessage
from tests.support.journeys.fragile import Fragile
from tests.support.platform import Platform
from tests.support.waiting import until

HEAD = "document: {dsl: '1.0.3', namespace: tests, name: case, version: '1.0.0'}\n"


def wait_for_end(client: Client, execution_id: str) -> dict[str, Any]:
    """Return the execution once it has ended."""

    def look() -> dict[str, Any] | None:
        read = client.http.get(f"/api/executions/{execution_id}")
        # A worker that has just restarted may be too busy to open an outcome: web answers 503.
        return read.json() if read.is_success and read.json()["status"] != "running" else None

    execution: dict[str, Any] = until(look)
    return execution


async def started_to_wait(fragile: Fragile, execution_id: str) -> None:
    """Return once the execution's timer runs."""
    temporal = await TemporalClient.connect(fragile.stack.temporal_address)
    handle = temporal.get_workflow_handle(f"execution:{execution_id}")
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            return


SLEEPER = HEAD + "do:\n  - nap: {wait: {hours: 1}}\n"


def statuses(client: Client, workflow_id: str, execution_id: str) -> set[str]:
    """Return all statuses that the API shows of the latest execution of a workflow."""
    path = f"/api/executions/{execution_id}"
    read = client.http.get(path)
    values = {read.json()["status"]} if read.is_success else {f"{read.status_code}"}
    values.add(client.request("GET", f"/api/workflows/{workflow_id}")["workflow"]["status"])
    for list_path in ("/api/executions", f"/api/workflows/{workflow_id}/executions"):
        for status in ("running", "completed", "failed"):
            rows = client.request("GET", f"{list_path}?status={status}")["executions"]
            values |= {status for one in rows if one["executionId"] == execution_id}
    for status in ("running", "completed", "failed"):
        rows = client.request("GET", f"/api/workflows?status={status}")
        values |= {status for one in rows["workflows"] if one["id"] == workflow_id}
        if rows["total"] != len(rows["workflows"]):  # the two queries ran at different times
            values.add(f"a total of {rows['total']}")
    return values


def start_sleeper(client: Client) -> tuple[str, str]:
    """Start an execution that lasts an hour; return its workflow's id and its own."""
    workflow_id = client.create_workflow("sleeper", SLEEPER)["id"]
    execution_id = client.execute(workflow_id, wait=0)["executionId"]
    assert statuses(client, workflow_id, execution_id) == {"running"}
    return workflow_id, execution_id


async def handle_of(platform: Platform, execution_id: str) -> WorkflowHandle[Any, Any]:
    temporal = await TemporalClient.connect(
        platform.environ["TEMPORAL_ADDRESS"], namespace=platform.environ["TEMPORAL_NAMESPACE"]
    )
    return temporal.get_workflow_handle(f"execution:{execution_id}")


def pending(sessions: sessionmaker[Session], kind: str, execution_id: str) -> int:
    """Return how many outbox messages of a kind exist for an execution."""
    query = select(func.count()).where(
        OutboxMessage.kind == kind, OutboxMessage.subject == execution_id
    )
    with sessions() as session:
        return session.scalar(query) or 0


def wait_until_launched(sessions: sessionmaker[Session], execution_id: str) -> None:
    """Return once the outbox has no launch of an execution, which the relay could deliver again."""
    assert until(lambda: not pending(sessions, ExecutionLaunch.kind, execution_id))


@contextmanager
def without_worker(fragile: Fragile) -> Iterator[None]:
    """Kill the worker, and restart it at the end in any case."""
    fragile.kill("temporal")
    try:
        yield
    finally:
        fragile.revive("temporal")
