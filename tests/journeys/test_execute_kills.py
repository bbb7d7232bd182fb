"""Kills around an `execute` with an `Idempotency-Key`: exactly one execution starts."""

from __future__ import annotations

import pytest
from temporalio.client import Client as TemporalClient

from bin.devtools.stack.client import Client
from tests.support.journeys.executions import HEAD
from tests.support.journeys.fragile import Fragile
from tests.support.journeys.kills import PLAN, SOAK, RetryingClient, count_rows, play_rounds
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


RUNNING = "SELECT count(*) FROM executions WHERE status = 'running'"
PENDING_LAUNCHES = (
    f"{RUNNING} AND EXISTS"
    " (SELECT FROM outbox WHERE kind = 'execution.start' AND outbox.subject = executions.id::text)"
)
ROWS = "SELECT count(*) FROM executions WHERE account_id = %s"


async def count_executions(fragile: Fragile, account_id: str) -> tuple[int, int]:
    """Return how many executions of an account there are: rows, and workflows of Temporal's."""
    temporal = await TemporalClient.connect(fragile.stack.temporal_address)
    there = await temporal.count_workflows(
        f"WorkflowType = 'execution' AND account = '{account_id}'"
    )
    return count_rows(fragile, ROWS, account_id), there.count


def workflow_of(laptop: Client) -> str:
    """Create a workflow that is short, with a wait so that kills find its execution running."""
    document = (
        HEAD + "do:\n  - nap: {wait: {milliseconds: 300}}\n  - done: {set: {key: '${ .key }'}}\n"
    )
    workflow = laptop.create_workflow("once", document)
    assert workflow["diagnostics"] == []
    return str(workflow["id"])


async def test_however_often_it_is_asked_for_and_whoever_is_killed_there_is_one_execution(
    fragile: Fragile, *, soak: bool
) -> None:
    with new_agent(fragile.platform) as laptop:
        account_id = laptop.request("GET", "/api/auth/me")["id"]
        url = f"{fragile.platform.api_url}/api/workflows/{workflow_of(laptop)}/execute"
        asking = RetryingClient.of(
            laptop,
            url,
            lambda key: {"input": {"key": key}},
            lambda answer: str(answer["executionId"]),
        )
        queries = {"temporal": RUNNING, "relay": PENDING_LAUNCHES}
        rounds = SOAK if soak else len(PLAN)
        keys = play_rounds(fragile, asking, queries, rounds=rounds, seconds_max=0.6)
        still = f"{RUNNING} AND account_id = %s"
        assert until(lambda: count_rows(fragile, still, account_id) == 0)
    asking.tally.report()
    there = (0, 0)
    while there[1] < len(keys):  # visibility lags behind the truth
        there = await count_executions(fragile, account_id)
    assert there == (len(keys), len(keys))
