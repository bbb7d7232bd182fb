"""A workflow changes while no worker runs: an earlier execution runs its earlier version."""

from functools import partial
from typing import Any

import pytest

from bin.devtools.stack.client import Client
from tests.support.journeys.fragile import Fragile
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


HEAD = "document: {dsl: '1.0.3', namespace: tests, name: said, version: '1.0.0'}\n"


def saying(word: str) -> str:
    return HEAD + f"do:\n  - say: {{set: {{word: {word}}}}}\n"


def wait_for_result(client: Client, execution_id: str) -> Any:
    """Return an execution once it has ended."""
    execution = client.request("GET", f"/api/executions/{execution_id}")
    return execution if execution["status"] == "completed" else None


def versions(client: Client, workflow_id: str) -> Any:
    return client.request("GET", f"/api/workflows/{workflow_id}/versions")["versions"]


def test_an_execution_that_is_opened_late_runs_the_version_it_was_started_with(
    fragile: Fragile,
) -> None:
    with new_agent(fragile.platform) as client:
        workflow_id = client.create_workflow("said", saying("old"))["id"]
        fragile.kill("temporal")
        try:
            before = client.execute(workflow_id, wait=0)["executionId"]
            version = client.change_workflow(
                workflow_id, "said", saying("new").replace("set:", "sett:")
            )
            assert (version["version"], version["diagnostics"]) == (2, []), (
                "nobody has checked it yet"
            )
            assert client.change_workflow(workflow_id, "said", saying("new"))["version"] == 3
            after = client.execute(workflow_id, wait=0)["executionId"]
        finally:
            fragile.revive("temporal")
        for execution_id, word in ((before, "old"), (after, "new")):
            until(partial(wait_for_result, client, execution_id))
            assert client.open_result(wait_for_result(client, execution_id)) == {"word": word}
        until(lambda: all(one["checkedAt"] for one in versions(client, workflow_id)))
        flags = [bool(one["diagnostics"]) for one in versions(client, workflow_id)]
        assert flags == [False, True, False]
