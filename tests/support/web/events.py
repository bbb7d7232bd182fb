"""Documents that emit and listen, and who waits for what they hear."""

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
    return f"{HEAD}do:\n  - await: {{listen: {{to: {{one: {{with: {{type: {kind}}}}}}}, read: {read}}}}}\n"


def emitter(kind: str) -> str:
    return (
        f"{HEAD}do:\n  - tell: {{emit: {{event: {{with: {{type: {kind}, data: '${{ . }}'}}}}}}}}\n"
    )


def starter(kind: str) -> str:
    schedule = f"schedule: {{on: {{one: {{with: {{type: {kind}}}}}}}}}"
    return f"{HEAD}{schedule}\ndo:\n  - told: {{set: '${{ {{got: .}} }}'}}\n"


def collector(kinds: list[str], count: int, *, read: str = "data") -> str:
    wanted = ", ".join(f"{{with: {{type: {kind}}}}}" for kind in kinds)
    to = f"{{any: [{wanted}], until: '(. | length) == {count}'}}"
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


def begun(client: Client, document: str) -> str:
    """Start a listener and return its execution's id once events reach it."""
    execution_id: str = client.execute(client.create_workflow("listener", document)["id"], wait=0)[
        "executionId"
    ]
    return execution_id


def listening(sessions: sessionmaker[Session], execution_id: str) -> bool:
    with sessions() as session:
        wanted = select(Listener.key).where(Listener.workflow_id == f"execution:{execution_id}")
        return bool(session.scalars(wanted).all())


def ended(client: Client, execution_id: str) -> Any:
    def look() -> Any:
        read = client.request("GET", f"/api/executions/{execution_id}")
        return read if read["status"] != "running" else None

    return client.open_result(until(look))


def runs(client: Client, workflow_id: str) -> Any:
    """Return the last execution's id of a workflow that nobody has executed, once there is one."""
    return until(
        lambda: client.request("GET", f"/api/workflows/{workflow_id}")["workflow"][
            "lastExecutionId"
        ]
    )
