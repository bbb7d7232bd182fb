"""Schedules of workflows, their firings and refusals."""

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


def create_schedule(laptop: Client, document: str = ECHO, **timing: Any) -> dict[str, Any]:
    """Create a workflow and a schedule of it, by default one that is due in months."""
    when = {} if "every" in timing else {"cron": YEARLY}
    workflow = laptop.create_workflow("scheduled", document)
    return laptop.create_schedule(workflow["id"], **when | timing)


def wait_for_firings(
    laptop: Client, schedule: dict[str, Any], count: int = 1
) -> list[dict[str, Any]]:
    """Return the recent firings of a schedule, newest first, once there are `count`."""

    def recent() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = laptop.request("GET", path(schedule))["recent"]
        return rows if len(rows) >= count else []

    firings: list[dict[str, Any]] = until(recent)
    return firings


def wait_for_end(laptop: Client, execution_id: str) -> dict[str, Any]:
    where = f"/api/executions/{execution_id}"

    def look() -> dict[str, Any]:
        execution = laptop.request("GET", where)
        return {} if execution["status"] == "running" else execution

    execution: dict[str, Any] = until(look)
    return execution


def refusal(laptop: Client, method: str, where: str, **options: Any) -> dict[str, Any]:
    with pytest.raises(RefusedError) as error:
        laptop.request(method, where, **options)
    return error.value.problem | {
        "at": [fault["pointer"] for fault in error.value.problem.get("errors", [])]
    }
