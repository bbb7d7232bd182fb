"""An event that was accepted is heard, whatever dies in between."""

from typing import Any

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from bin.local.client import Client
from engine.store.models import Event, Listener
from tests.conftest import joined
from tests.journeys.conftest import Fragile, until
from tests.journeys.test_outages import HEAD, ended

COUNT = 20


def document(fragile: Fragile) -> str:
    """Take COUNT events, each with a call in between."""
    call = f"{{call: http, with: {{method: post, endpoint: {fragile.service.url}/heard, body: '${{ . }}'}}}}"
    return f"""{HEAD}
do:
  - await:
      listen: {{to: {{any: [{{with: {{type: numbered}}}}], until: '(. | length) == {COUNT}'}}}}
      foreach: {{do: [{{tell: {call}}}]}}
"""


def published(client: Client, numbers: range) -> None:
    told = [
        {"specversion": "1.0", "id": str(n), "source": "/numbers", "type": "numbered", "data": n}
        for n in numbers
    ]
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    answer = client.http.post("/api/events", json=told, headers=headers)
    assert answer.status_code == 202, answer.text


def counted(fragile: Fragile, what: Any) -> int:
    url = fragile.stack.database_url.replace("postgresql://", "postgresql+psycopg://")
    with Session(create_engine(url)) as session:
        return session.scalar(select(func.count()).select_from(what)) or 0


@pytest.mark.parametrize("name", ["relay", "temporal", "Temporal", "Valkey", "web"])
def test_every_event_is_heard_once_and_in_order_whatever_is_killed(fragile: Fragile, name: str) -> None:
    with joined(fragile.platform) as laptop:
        execution_id = laptop.execute(laptop.create_workflow("ear", document(fragile))["id"], wait=0)[
            "executionId"
        ]
        mine = select(Listener).where(Listener.workflow_id == f"execution:{execution_id}").subquery()
        until(lambda: counted(fragile, mine))
        published(laptop, range(5))
        fragile.kill(name)
        try:
            if name != "web":
                published(laptop, range(5, 10))
        finally:
            fragile.revive(name)
        published(laptop, range(5 if name == "web" else 10, COUNT))
        assert laptop.open_result(ended(laptop, execution_id)) == list(range(COUNT))
    waiting = select(Event).where(Event.routed_at.is_(None)).subquery()
    until(lambda: counted(fragile, waiting) == 0)


@pytest.mark.parametrize("name", ["relay", "temporal"])
def test_what_is_emitted_is_heard_though_its_worker_or_the_relay_is_killed(
    fragile: Fragile, name: str
) -> None:
    emitter = f"""{HEAD}
do:
  - each:
      for: {{in: '${{ [range({COUNT})] }}'}}
      do: [{{tell: {{emit: {{event: {{with: {{type: emitted, data: '${{ $item }}'}}}}}}}}}}, {{nap: {{wait: PT0.05S}}}}]
"""
    ear = f"{HEAD}do: [{{a: {{listen: {{to: {{any: [{{with: {{type: emitted}}}}], until: '(. | length) == {COUNT}'}}}}}}}}]\n"
    with joined(fragile.platform) as laptop:
        listening = laptop.execute(laptop.create_workflow("ear", ear)["id"], wait=0)["executionId"]
        mine = select(Listener).where(Listener.workflow_id == f"execution:{listening}").subquery()
        until(lambda: counted(fragile, mine))
        told = laptop.execute(laptop.create_workflow("mouth", emitter)["id"], wait=0)["executionId"]
        until(lambda: counted(fragile, select(Event).subquery()))
        fragile.kill(name)
        fragile.revive(name)
        ended(laptop, told)
        assert laptop.open_result(ended(laptop, listening)) == list(range(COUNT))


def test_a_schedule_outlives_the_worker(fragile: Fragile) -> None:
    with joined(fragile.platform) as laptop:
        workflow = laptop.create_workflow(
            "clock", HEAD + "schedule: {every: PT1S}\ndo: [{a: {set: {n: 1}}}]\n"
        )["id"]

        def last() -> str:
            found: str = laptop.request("GET", f"/api/workflows/{workflow}")["workflow"]["lastExecutionId"]
            return found

        until(last)
        fragile.kill("temporal")
        seen = last()
        fragile.revive("temporal")
        until(lambda: last() != seen)
        assert laptop.open_result(ended(laptop, last())) == {"n": 1}
