"""A bulk job while the relay dies: each execution is acted on, and counted, once."""

from __future__ import annotations

import psycopg
import pytest

from tests.conftest import joined
from tests.journeys.conftest import Fragile, until
from tests.journeys.test_outages import HEAD

COUNT = 200
SLEEPER = HEAD + "do:\n  - nap: {wait: {hours: 1}}\n"
PROGRESS = "SELECT status, matched, done, failed FROM bulk_jobs WHERE id = %s"


def progress(fragile: Fragile, job_id: str) -> tuple[str, int, int, int]:
    with psycopg.connect(fragile.stack.database_url) as connection:
        found = connection.execute(PROGRESS, [job_id]).fetchone()
    assert found is not None
    status, matched, done, failed = found
    return status, matched, done, failed


def test_a_killed_relay_goes_on_where_it_was(
    fragile: Fragile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fragile.platform.environ, "EXECUTIONS_PER_ACCOUNT_MAX", str(COUNT))
    fragile.kill("web")
    fragile.revive("web")
    with joined(fragile.platform) as laptop:
        workflow = laptop.create_workflow("sleeper", SLEEPER)
        ids = {laptop.execute(workflow["id"], wait=0)["executionId"] for _ in range(COUNT)}
        fragile.kill("relay")
        job = laptop.bulk("cancel", status="running")
        assert (job["matched"], job["done"]) == (COUNT, 0)
        seen = [0]
        for _ in range(2):
            fragile.revive("relay")
            # Some of them are acted on, and then it dies, wherever it is.
            seen.append(
                until(lambda: (done := progress(fragile, job["id"])[2]) > seen[-1] and done)
            )
            fragile.kill("relay")
        assert 0 < seen[1] < COUNT
        fragile.revive("relay")
        until(lambda: progress(fragile, job["id"])[0] == "done")
        assert progress(fragile, job["id"]) == ("done", COUNT, COUNT, 0)
        query = {"status": "failed", "limit": 100}
        until(
            lambda: (
                not laptop.request("GET", "/api/executions", params={"status": "running"})[
                    "executions"
                ]
            )
        )
        first = laptop.request("GET", "/api/executions", params=query)
        rest = laptop.request("GET", "/api/executions", params=query | {"cursor": first["cursor"]})
        found = [one["executionId"] for one in first["executions"] + rest["executions"]]
        assert (len(found), set(found), rest["hasMore"]) == (COUNT, ids, False)
    fragile.kill("web")
    monkeypatch.undo()
    fragile.revive("web")
