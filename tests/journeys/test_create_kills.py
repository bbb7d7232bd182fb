"""Kills around a workflow's creation with an `Idempotency-Key`: it is created and checked once."""

from __future__ import annotations

import pytest
from temporalio.client import Client as TemporalClient

from tests.support.journeys.executions import HEAD
from tests.support.journeys.fragile import Fragile
from tests.support.journeys.kills import PLAN, SOAK, RetryingClient, count_rows, play_rounds
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


DOCUMENT = HEAD + "do:\n  - done: {set: {n: 1}}\n"
PENDING_CHECKS = "SELECT count(*) FROM definitions WHERE checked_at IS NULL"
PENDING_MESSAGES = "SELECT count(*) FROM outbox WHERE kind = 'definition.check'"
ROWS = "SELECT count(*) FROM definitions WHERE account_id = %s"
NAMES = "SELECT count(DISTINCT name) FROM definitions WHERE account_id = %s"
VERSIONS = "SELECT count(*) FROM definition_versions WHERE account_id = %s"


async def test_however_often_it_is_sent_and_whoever_is_killed_a_workflow_is_made_once(
    fragile: Fragile, *, soak: bool
) -> None:
    with new_agent(fragile.platform) as laptop:
        account_id = laptop.request("GET", "/api/auth/me")["id"]
        body = laptop.seal_workflow(DOCUMENT)
        asking = RetryingClient.of(
            laptop,
            f"{fragile.platform.api_url}/api/workflows",
            lambda key: {"name": key} | body,
            lambda answer: str(answer["workflow"]["id"]),
        )
        queries = {"temporal": PENDING_CHECKS, "relay": PENDING_MESSAGES}
        rounds = SOAK if soak else len(PLAN)
        keys = play_rounds(fragile, asking, queries, rounds=rounds, seconds_max=0.2)
        waiting = f"{PENDING_CHECKS} AND account_id = %s"
        assert until(lambda: count_rows(fragile, waiting, account_id) == 0)
        page = laptop.request("GET", "/api/workflows?limit=1")
    asking.tally.report()
    assert (
        count_rows(fragile, ROWS, account_id)
        == count_rows(fragile, VERSIONS, account_id)
        == len(keys)
    )
    assert count_rows(fragile, NAMES, account_id) == page["total"] == len(keys)
    temporal = await TemporalClient.connect(fragile.stack.temporal_address)
    query, checks = f"WorkflowType = 'definition.check' AND account = '{account_id}'", 0
    while checks < len(keys):  # visibility lags behind the truth
        checks = (await temporal.count_workflows(query)).count
    assert checks == len(keys)
