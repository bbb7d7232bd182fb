"""A bulk job while the relay dies: each execution is acted on, and counted, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest

from bin.devtools.stack.client import Client
from engine.workflows.executions.bulk_jobs import BATCH_EXECUTIONS
from tests.support.journeys.executions import HEAD
from tests.support.journeys.fragile import Fragile
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


COUNT = 5 * BATCH_EXECUTIONS
SLEEPER = HEAD + "do:\n  - nap: {wait: {hours: 1}}\n"
PROGRESS = "SELECT status, matched, done, failed FROM bulk_jobs WHERE id = %s"


def has_done(fragile: Fragile, job_id: str, count: int) -> bool:
    return bool(progress(fragile, job_id)[2] == count)


def progress(fragile: Fragile, job_id: str) -> tuple[str, int, int, int]:
    with psycopg.connect(fragile.stack.database_url) as connection:
        row = connection.execute(PROGRESS, [job_id]).fetchone()
    assert row is not None
    status, match_count, done_count, failed_count = row
    return status, match_count, done_count, failed_count


@contextmanager
def lock(fragile: Fragile, execution_id: str) -> Iterator[None]:
    """Lock the row of an execution, so that whoever acts on it waits."""
    with psycopg.connect(fragile.stack.database_url) as connection:
        connection.execute("SELECT FROM executions WHERE id = %s FOR UPDATE", [execution_id])
        yield
        connection.rollback()


def test_a_killed_relay_goes_on_where_it_was(
    fragile: Fragile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fragile.platform.environ, "EXECUTIONS_PER_ACCOUNT_MAX", str(COUNT))
    fragile.kill("web")
    fragile.revive("web")
    with new_agent(fragile.platform) as laptop:
        workflow = laptop.create_workflow("sleeper", SLEEPER)
        ids = [laptop.execute(workflow["id"], wait=0)["executionId"] for _ in range(COUNT)]
        fragile.kill("relay")
        job = laptop.bulk("pause", status="running")
        assert (job["matched"], job["done"]) == (COUNT, 0)
        newest_first = ids[::-1]
        for batches in (1, 3):
            processed = batches * BATCH_EXECUTIONS
            with lock(fragile, newest_first[processed + BATCH_EXECUTIONS // 2]):
                fragile.revive("relay")
                until(partial(has_done, fragile, job["id"], processed))
                fragile.kill("relay")  # in the middle of the next batch
        fragile.revive("relay")
        until(lambda: progress(fragile, job["id"])[0] == "done")
        assert progress(fragile, job["id"]) == ("done", COUNT, COUNT, 0)
        assert changes_of_pause(fragile, ids) == {1: COUNT}
        laptop.bulk("terminate", status="running")
        until(partial(has_ended, laptop))
    fragile.kill("web")
    monkeypatch.undo()
    fragile.revive("web")


def changes_of_pause(fragile: Fragile, execution_ids: list[str]) -> dict[int, int]:
    """Return how many paused executions were paused or resumed how often."""
    query = "SELECT holds, count(*) FROM executions WHERE paused AND id = ANY(%s) GROUP BY holds"
    with psycopg.connect(fragile.stack.database_url) as connection:
        return dict(connection.execute(query, [execution_ids]).fetchall())


def has_ended(laptop: Client) -> bool:
    """Return whether every execution of the account has ended."""
    running = laptop.request("GET", "/api/executions", params={"status": "running"})
    return not running["executions"]
