"""Documents that emit and listen, and the executions that wait for events."""

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client
from engine.store.events import Listener
from tests.support.waiting import until

HEAD = "document: {dsl: '1.0.3', namespace: tests, name: case, version: '1.0.0'}\n"
ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def listener(kind: str, *, read: str = "data") -> str:
    condition = f"{{one: {{with: {{type: {kind}}}}}}}"
    return f"{HEAD}do:\n  - await: {{listen: {{to: {condition}, read: {read}}}}}\n"


def emitter(kind: str) -> str:
    return (
        f"{HEAD}do:\n  - tell: {{emit: {{event: {{with: {{type: {kind}, data: '${{ . }}'}}}}}}}}\n"
    )


def starter(kind: str) -> str:
    schedule = f"schedule: {{on: {{one: {{with: {{type: {kind}}}}}}}}}"
    return f"{HEAD}{schedule}\ndo:\n  - told: {{set: '${{ {{got: .}} }}'}}\n"


def collector(kinds: list[str], count: int, *, read: str = "data") -> str:
    filters = ", ".join(f"{{with: {{type: {kind}}}}}" for kind in kinds)
    to = f"{{any: [{filters}], until: '(. | length) == {count}'}}"
    return f"{HEAD}do:\n  - all: {{listen: {{to: {to}, read: {read}}}}}\n"


def event(kind: str, data: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid7()),
        "source": "/tests",
        "type": kind,
        "data": data,
    } | more


def publish(client: Client, body: Any, *, kind: str = ONE, path: str = "/api/events") -> Any:
    return client.http.post(path, content=json.dumps(body), headers={"Content-Type": kind})


def start_listener(client: Client, document: str) -> str:
    """Execute a workflow that listens; return the execution's id."""
    execution_id: str = client.execute(client.create_workflow("listener", document)["id"], wait=0)[
        "executionId"
    ]
    return execution_id


def listening(sessions: sessionmaker[Session], execution_id: str) -> bool:
    with sessions() as session:
        query = select(Listener.key).where(Listener.workflow_id == f"execution:{execution_id}")
        return bool(session.scalars(query).all())


def wait_for_result(client: Client, execution_id: str) -> Any:
    def look() -> Any:
        read = client.request("GET", f"/api/executions/{execution_id}")
        return read if read["status"] != "running" else None

    return client.open_result(until(look))


def runs(client: Client, workflow_id: str) -> Any:
    """Return the id of a workflow's last execution, once an event or a schedule has started one."""
    return until(
        lambda: client.request("GET", f"/api/workflows/{workflow_id}")["workflow"][
            "lastExecutionId"
        ]
    )
