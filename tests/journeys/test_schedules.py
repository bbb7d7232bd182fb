"""Schedules while parts are down: an accepted one is followed, and a due one fires once."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from bin.devtools.stack.client import Client
from tests.support.journeys.executions import HEAD, wait_for_end
from tests.support.journeys.fragile import Fragile
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


COUNTER = HEAD + "do: [{a: {set: '${ {got: .} }'}}]\n"


def look(laptop: Client, schedule: dict[str, Any]) -> dict[str, Any]:
    return laptop.request("GET", f"/api/schedules/{schedule['id']}")


def due(laptop: Client, schedule: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Return what came of a schedule lately, once more than `count` times did."""
    firings: list[dict[str, Any]] = until(
        lambda: (recent := look(laptop, schedule)["recent"]) and len(recent) > count and recent
    )
    return firings


def test_what_is_asked_while_temporal_is_away_is_followed_when_it_is_back(fragile: Fragile) -> None:
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("clock", COUNTER)
        paused_schedule = laptop.create_schedule(workflow["id"], every=1)
        deleted_schedule = laptop.create_schedule(workflow["id"], cron="0 0 1 1 *")
        fragile.kill("Temporal")
        try:
            schedule = laptop.create_schedule(workflow["id"], every=1, input="kept")
            assert schedule["nextTimes"] is None
            laptop.request("POST", f"/api/schedules/{paused_schedule['id']}/pause")
            laptop.delete_schedule(deleted_schedule)
        finally:
            fragile.revive("Temporal")
        (firing, *_) = due(laptop, schedule, 0)
        assert wait_for_end(laptop, firing["executionId"])["result"] == {"got": "kept"}
        until(lambda: outbox_is_empty(fragile))
        assert look(laptop, paused_schedule)["paused"] is True
        laptop.delete_schedule(schedule)


def running(laptop: Client) -> list[Any]:
    rows: list[Any] = laptop.request("GET", "/api/executions", params={"status": "running"})[
        "executions"
    ]
    return rows


def outbox_is_empty(fragile: Fragile) -> bool:
    """Tell whether nothing of schedules waits to be carried."""
    with psycopg.connect(fragile.stack.database_url) as connection:
        query = "SELECT count(*) FROM outbox WHERE kind LIKE 'schedule.%'"
        row = connection.execute(query).fetchone()
    return row == (0,)


@pytest.mark.parametrize("name", ["temporal", "relay", "web"])
def test_a_time_makes_one_execution_whoever_is_killed(fragile: Fragile, name: str) -> None:
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("clock", COUNTER)
        schedule = laptop.create_schedule(workflow["id"], every=1, overlap="allow_all")
        due(laptop, schedule, 0)
        fragile.kill(name)
        fragile.revive(name)
        before = until(lambda: look(laptop, schedule)["recent"])[0]["dueAt"]
        until(lambda: look(laptop, schedule)["recent"][0]["dueAt"] > before)
        laptop.request("POST", f"/api/schedules/{schedule['id']}/pause")
        until(lambda: not running(laptop))
        rows = laptop.request("GET", "/api/executions", params={"limit": 100})["executions"]
        for execution in rows:
            assert wait_for_end(laptop, execution["executionId"])["status"] == "completed"
        times = [firing["dueAt"] for firing in look(laptop, schedule)["recent"]]
        assert len(times) == len(set(times))
        with psycopg.connect(fragile.stack.database_url) as connection:
            query = (
                "SELECT count(*) FROM firings WHERE schedule_id = %s AND execution_id IS NOT NULL"
            )
            assert connection.execute(query, [schedule["id"]]).fetchone() == (len(rows),)
