"""What tests of schedules have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from bin.devtools.stack.client import Client, RefusedError
from tests.support.waiting import until

HEAD = "document: {dsl: '1.0.3', namespace: tests, name: case, version: '1.0.0'}\n"
ECHO = HEAD + "do: [{told: {set: '${ {input: .} }'}}]\n"
SLEEPER = HEAD + "do:\n  - nap: {wait: {hours: 1}}\n"
YEARLY = "0 0 1 1 *"


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def path(schedule: dict[str, Any]) -> str:
    return f"/api/schedules/{schedule['id']}"


def made(laptop: Client, document: str = ECHO, **asked: Any) -> dict[str, Any]:
    """Make a workflow and a schedule of it, by default one that is not due for long."""
    when = {} if "every" in asked else {"cron": YEARLY}
    workflow = laptop.create_workflow("scheduled", document)
    return laptop.create_schedule(workflow["id"], **when | asked)


def fired(laptop: Client, schedule: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
    """Return what came of a schedule, newest first, once it has been due so often."""

    def recent() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = laptop.request("GET", path(schedule))["recent"]
        return found if len(found) >= count else []

    found: list[dict[str, Any]] = until(recent)
    return found


def ended(laptop: Client, execution_id: str) -> dict[str, Any]:
    where = f"/api/executions/{execution_id}"

    def told() -> dict[str, Any]:
        found = laptop.request("GET", where)
        return {} if found["status"] == "running" else found

    found: dict[str, Any] = until(told)
    return found


def refused(laptop: Client, method: str, where: str, **options: Any) -> dict[str, Any]:
    with pytest.raises(RefusedError) as found:
        laptop.request(method, where, **options)
    return found.value.problem | {
        "at": [fault["pointer"] for fault in found.value.problem.get("errors", [])]
    }
