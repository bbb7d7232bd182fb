"""Seeing what happens while it happens, and holding it, whatever is killed meanwhile."""

import json
import socket
import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import psycopg
import pytest

from bin.devtools.stack.client import Client
from tests.support.journeys.fragile import Fragile
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


HEAD = "document: {dsl: '1.0.3', namespace: tests, name: case, version: '1.0.0'}\n"
ROUNDS = 30
LONG = (
    HEAD
    + f"""
do:
  - each:
      for: {{in: "[range({ROUNDS})]"}}
      do:
        - nap: {{wait: {{milliseconds: 60}}}}
        - note: {{set: {{n: "${{ $index }}"}}}}
"""
)


EVENT = {"specversion": "1.0", "id": "1", "source": "/tests", "type": "go.on"}
CLOUD_EVENT = {"Content-Type": "application/cloudevents+json"}


@pytest.fixture
def client(fragile: Fragile) -> Iterator[Client]:
    with new_agent(fragile.platform) as agent:
        yield agent


def begin(client: Client, document: str) -> str:
    workflow = client.create_workflow("case", document)
    execution_id: str = client.execute(workflow["id"], wait=0)["executionId"]
    return execution_id


def steps(client: Client, execution_id: str) -> list[dict[str, Any]]:
    query = {"limit": 500}
    steps: list[dict[str, Any]] = client.request(
        "GET", f"/api/executions/{execution_id}/steps", params=query
    )["steps"]
    return steps


def phases(client: Client, execution_id: str) -> list[str]:
    return [step["phase"] for step in steps(client, execution_id)]


def waiting(fragile: Fragile) -> set[str]:
    """Return the kinds of messages in the outbox."""
    with psycopg.connect(fragile.stack.database_url) as connection:
        return {kind for (kind,) in connection.execute("SELECT kind FROM outbox")}


@pytest.fixture
def hanging(fragile: Fragile) -> Iterator[Queue[str]]:
    """A service that never answers; it records each request, and when its client gives up."""
    notes: Queue[str] = Queue()
    host, _, port = fragile.gate_url.removeprefix("http://").partition(":")
    listening = socket.create_server((host, int(port)))

    def serve() -> None:
        try:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                notes.put("asked")
                while connection.recv(65_536):
                    pass
        except OSError:
            return
        notes.put("gone")

    threading.Thread(target=serve, daemon=True).start()
    yield notes
    listening.close()


def test_a_stream_that_comes_back_misses_nothing_and_hears_nothing_twice_while_the_worker_is_killed(
    fragile: Fragile, client: Client
) -> None:
    execution_id = begin(client, LONG)
    events: list[dict[str, Any]] = []

    def follow(most: int) -> str | None:
        """Read some events more; return how the execution has ended, if that was told."""
        for event in client.follow(execution_id, after=len(events)):
            if event.event == "ended":
                return str(json.loads(event.data)["status"])
            if event.event == "step":
                events.append(json.loads(event.data))
                assert int(event.id) == events[-1]["seq"] == len(events)
            if len(events) >= most:
                return None
        return None

    for most in (10, 40):
        assert follow(most) is None
        fragile.kill("temporal")
        fragile.revive("temporal")
    assert follow(10_000) == "completed"
    assert events == steps(client, execution_id)
    reference = [("/do/0", "started")]
    for _ in range(ROUNDS):
        reference += [
            (f"/do/0/do/{at}", phase) for at in (0, 1) for phase in ("started", "completed")
        ]
    reference += [("/do/0", "completed")]
    assert [(step["place"], step["phase"]) for step in events] == reference


def test_a_pause_reaches_an_execution_that_outlives_temporal_and_its_worker(
    fragile: Fragile, client: Client
) -> None:
    listen = "{hear: {listen: {to: {one: {with: {type: go.on}}}}}}"
    execution_id = begin(client, HEAD + f"do: [{listen}, {{after: {{set: {{done: true}}}}}}]")
    path = f"/api/executions/{execution_id}"
    until(lambda: client.request("GET", path)["current"] == ["/do/0"])
    fragile.kill("Temporal")
    assert client.request("POST", f"{path}/pause")["paused"] is True
    fragile.revive("Temporal")
    until(lambda: "execution.hold" not in waiting(fragile))
    fragile.kill("temporal")
    fragile.revive("temporal")
    client.request("POST", f"{path}/events", json=EVENT, headers=CLOUD_EVENT)
    until(lambda: phases(client, execution_id)[-1] == "paused")
    execution = client.request("GET", path)
    assert (execution["status"], execution["paused"], execution["current"]) == ("running", True, [])
    client.request("POST", f"{path}/resume")
    until(lambda: client.request("GET", path)["status"] == "completed")
    assert phases(client, execution_id) == [
        "started",
        "completed",
        "paused",
        "resumed",
        "started",
        "completed",
    ]


def test_a_cancelled_execution_ends_though_its_call_hangs_and_the_call_is_given_up(
    fragile: Fragile, client: Client, hanging: Queue[str]
) -> None:
    call = f"{{call: http, with: {{method: get, endpoint: '{fragile.gate_url}/'}}}}"
    execution_id = begin(client, HEAD + f"do: [{{ask: {call}}}]")
    assert hanging.get(timeout=60) == "asked"
    path = f"/api/executions/{execution_id}"
    assert until(lambda: client.request("GET", path)["current"] == ["/do/0"])
    client.request("POST", f"{path}/cancel")
    execution = client.request("GET", path, headers={"Prefer": "wait=20"})
    assert (execution["status"], execution["steps"]["cancelled"]) == ("failed", 1)
    assert hanging.get(timeout=60) == "gone"


def test_a_journal_holds_nothing_of_what_a_user_wrote(fragile: Fragile, client: Client) -> None:
    canary = "a-name-that-must-not-be-kept"
    inner = f"{{{canary}: {{raise: {{error: {{type: 'urn:{canary}', status: 500}}}}}}}}"
    execution_id = begin(
        client, HEAD + f"do: [{{{canary}: {{try: [{inner}], catch: {{do: [{inner}]}}}}}}]"
    )
    until(lambda: client.request("GET", f"/api/executions/{execution_id}")["status"] == "failed")
    assert len(steps(client, execution_id)) == 6
    with psycopg.connect(fragile.stack.database_url) as connection:
        for query in (
            "SELECT s::text FROM execution_steps s",
            "SELECT p::text FROM execution_progress p",
        ):
            rows = connection.execute(query).fetchall()
            assert rows
            assert canary not in str(rows)
