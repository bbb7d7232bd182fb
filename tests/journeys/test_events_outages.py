"""An event that was accepted is heard, whatever dies in between."""

import psycopg
import pytest

from bin.devtools.stack.client import Client
from tests.support.journeys.executions import HEAD, wait_for_end
from tests.support.journeys.fragile import Fragile
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


COUNT = 20
EAR = f"listen: {{to: {{any: [{{with: {{type: numbered}}}}], until: '(. | length) == {COUNT}'}}}}"
WAITING = "SELECT count(*) FROM events WHERE routed_at IS NULL"
LISTENING = "SELECT count(*) FROM listeners WHERE workflow_id = 'execution:%s'"


def slow_ear() -> str:
    """Take COUNT events, each with a pause after it."""
    return (
        f"{HEAD}do:\n  - await:\n      {EAR}\n      foreach: {{do: [{{nap: {{wait: PT0.05S}}}}]}}\n"
    )


def mouth() -> str:
    """Emit COUNT events, a little after each other."""
    event = "{with: {type: numbered, data: '${ $item }'}}"
    each = f"[{{tell: {{emit: {{event: {event}}}}}}}, {{nap: {{wait: PT0.05S}}}}]"
    return f"{HEAD}do:\n  - each: {{for: {{in: '${{ [range({COUNT})] }}'}}, do: {each}}}\n"


def publish_events(client: Client, numbers: range) -> None:
    events = [
        {"specversion": "1.0", "id": str(n), "source": "/numbers", "type": "numbered", "data": n}
        for n in numbers
    ]
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    answer = client.http.post("/api/events", json=events, headers=headers)
    assert answer.status_code == 202, answer.text


def count_rows(fragile: Fragile, query: str) -> int:
    with psycopg.connect(fragile.stack.database_url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def listening(fragile: Fragile, client: Client, document: str) -> str:
    """Start a listener and return its execution's id once events reach it."""
    execution_id: str = client.execute(client.create_workflow("ear", document)["id"], wait=0)[
        "executionId"
    ]
    until(lambda: count_rows(fragile, LISTENING % execution_id))
    return execution_id


@pytest.mark.parametrize("name", ["relay", "temporal", "Temporal", "Valkey", "web"])
def test_every_event_is_heard_once_and_in_order_whatever_is_killed(
    fragile: Fragile, name: str
) -> None:
    with new_agent(fragile.platform) as laptop:
        execution_id = listening(fragile, laptop, slow_ear())
        publish_events(laptop, range(5))
        fragile.kill(name)
        try:
            if name != "web":
                publish_events(laptop, range(5, 10))
        finally:
            fragile.revive(name)
        publish_events(laptop, range(5 if name == "web" else 10, COUNT))
        assert laptop.open_result(wait_for_end(laptop, execution_id)) == list(range(COUNT))
    until(lambda: count_rows(fragile, WAITING) == 0)


@pytest.mark.parametrize("name", ["relay", "temporal"])
def test_what_is_emitted_is_heard_though_the_relay_or_the_worker_is_killed(
    fragile: Fragile, name: str
) -> None:
    with new_agent(fragile.platform) as laptop:
        ear = listening(fragile, laptop, f"{HEAD}do: [{{await: {{{EAR}}}}}]\n")
        before = count_rows(fragile, "SELECT count(*) FROM events")
        teller = laptop.execute(laptop.create_workflow("mouth", mouth())["id"], wait=0)[
            "executionId"
        ]
        until(lambda: count_rows(fragile, "SELECT count(*) FROM events") > before)
        fragile.kill(name)
        fragile.revive(name)
        wait_for_end(laptop, teller)
        assert laptop.open_result(wait_for_end(laptop, ear)) == list(range(COUNT))
        assert count_rows(fragile, "SELECT count(*) FROM events") == before + COUNT


def test_a_schedule_outlives_the_worker(fragile: Fragile) -> None:
    with new_agent(fragile.platform) as laptop:
        document = HEAD + "schedule: {every: PT1S}\ndo: [{a: {set: {n: 1}}}]\n"
        workflow = laptop.create_workflow("clock", document)["id"]

        def last() -> str:
            found: str = laptop.request("GET", f"/api/workflows/{workflow}")["workflow"][
                "lastExecutionId"
            ]
            return found

        until(last)
        fragile.kill("temporal")
        last_id = last()
        fragile.revive("temporal")
        until(lambda: last() != last_id)
        assert laptop.open_result(wait_for_end(laptop, last())) == {"n": 1}
