"""A workflow runs another one of its account: by name, once, and it ends with its parent."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client as TemporalClient

from bin.devtools.stack.client import Client
from tests.support.journeys.executions import wait_for_end
from tests.support.journeys.fragile import Fragile
from tests.support.journeys.gate import Gate
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


CHILDREN = "SELECT id::text, status FROM executions WHERE ordered_by = %s ORDER BY created_at"


def head(name: str, version: str = "1.0.0") -> str:
    return f"document: {{dsl: '1.0.3', namespace: tests, name: {name}, version: '{version}'}}\n"


def running(name: str, **more: str) -> str:
    """Return a document of one step that runs another workflow on its own input."""
    members = "".join(f", {key}: {value}" for key, value in more.items() if key != "waits")
    waits = f", await: {more['waits']}" if "waits" in more else ""
    workflow = f"{{namespace: tests, name: {name}, input: '${{ . }}'{members}}}"
    return f"{head('outer')}do: [{{start: {{run: {{workflow: {workflow}{waits}}}}}}}]\n"


def save(client: Client, document: str) -> str:
    workflow = client.create_workflow("sealed name", document)
    assert workflow["diagnostics"] == []
    return str(workflow["id"])


def children(fragile: Fragile, execution_id: str) -> list[tuple[str, str]]:
    """Return the executions that one ordered, and how each stands."""
    with psycopg.connect(fragile.stack.database_url) as connection:
        return connection.execute(CHILDREN, [execution_id]).fetchall()


def only_child(fragile: Fragile, execution_id: str) -> str:
    children_of_execution: list[tuple[str, str]] = until(lambda: children(fragile, execution_id))
    ((child_id, _),) = children_of_execution
    return child_id


async def napping(fragile: Fragile, execution_id: str) -> None:
    """Return once the timer of an execution runs."""
    temporal = await TemporalClient.connect(fragile.stack.temporal_address)
    handle = temporal.get_workflow_handle(f"execution:{execution_id}")
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            return


def test_a_workflow_is_found_by_the_words_of_its_sealed_document(fragile: Fragile) -> None:
    with new_agent(fragile.platform) as laptop, new_agent(fragile.platform) as stranger:
        for version in ("1.0.0", "1.1.0"):
            save(laptop, f"{head('inner', version)}do: [{{tell: {{set: {{by: '{version}'}}}}}}]\n")
        save(stranger, f"{head('inner', '1.2.0')}do: [{{tell: {{set: {{by: stranger}}}}}}]\n")
        newest = laptop.execute(save(laptop, running("inner")), {})
        assert newest["opened"] == {"by": "1.1.0"}
        older = laptop.execute(save(laptop, running("inner", version="'1.0.0'")), {})
        assert older["opened"] == {"by": "1.0.0"}
        child = laptop.request(
            "GET", f"/api/executions/{only_child(fragile, older['executionId'])}"
        )
        assert (child["status"], laptop.open_result(child)) == ("completed", {"by": "1.0.0"})


@pytest.mark.parametrize(
    "document", ["", f"{head('inner')}do: [{{s: {{sett: 1}}}}]\n"], ids=["none", "broken"]
)
def test_a_workflow_that_cannot_run_is_not_found(fragile: Fragile, document: str) -> None:
    with new_agent(fragile.platform) as laptop:
        if document:
            assert laptop.create_workflow("broken", document)["diagnostics"]
        answer = laptop.execute(save(laptop, running("inner")), {})
        error = laptop.open(answer["error"]["sealed"])
        assert error["type"].endswith("/errors/configuration")
        assert (error["status"], error["instance"]) == (400, "/do/0/start")
        assert children(fragile, answer["executionId"]) == []


def test_what_is_not_awaited_goes_on_by_itself(fragile: Fragile, gate: Gate) -> None:
    ask = f"{{call: http, with: {{method: put, endpoint: '{gate.url}/alone', body: '${{ . }}'}}}}"
    with new_agent(fragile.platform) as laptop:
        save(laptop, f"{head('inner')}do: [{{ask: {ask}}}]\n")
        gate.blocked_paths = {"/alone"}
        answer = laptop.execute(save(laptop, running("inner", waits="false")), {"n": 1})
        assert answer["opened"] == {"n": 1}
        gate.waits(1)
        child_id = only_child(fragile, answer["executionId"])
        assert laptop.request("GET", f"/api/executions/{child_id}")["status"] == "running"
        gate.let_go()
        assert laptop.open_result(wait_for_end(laptop, child_id)) == {"n": 1}


async def test_what_stops_a_workflow_stops_what_it_awaits_and_nothing_else(
    fragile: Fragile,
) -> None:
    with new_agent(fragile.platform) as laptop:
        save(laptop, f"{head('inner')}do: [{{nap: {{wait: PT5M}}}}]\n")
        apart = "{run: {workflow: {namespace: tests, name: inner}, await: false}}"
        step = "{run: {workflow: {namespace: tests, name: inner}}}"
        outer = save(laptop, f"{head('outer')}do: [{{apart: {apart}}}, {{awaited: {step}}}]\n")
        outer_id = laptop.execute(outer, {}, wait=0)["executionId"]
        children_of_execution: list[tuple[str, str]] = until(
            lambda: len(ids := children(fragile, outer_id)) == 2 and ids
        )
        (apart_id, _), (awaited_id, _) = children_of_execution
        for child_id in (apart_id, awaited_id):
            await napping(fragile, child_id)
        temporal = await TemporalClient.connect(fragile.stack.temporal_address)
        await temporal.get_workflow_handle(f"execution:{outer_id}").cancel()
        for stopped_id in (outer_id, awaited_id):
            assert wait_for_end(laptop, stopped_id)["status"] == "failed"
        assert laptop.request("GET", f"/api/executions/{apart_id}")["status"] == "running"
        await temporal.get_workflow_handle(f"execution:{apart_id}").terminate()
        assert wait_for_end(laptop, apart_id)["status"] == "failed"


async def test_what_is_ended_from_outside_is_a_fault_of_the_step_that_awaits_it(
    fragile: Fragile,
) -> None:
    with new_agent(fragile.platform) as laptop:
        save(laptop, f"{head('inner')}do: [{{nap: {{wait: PT5M}}}}]\n")
        outer_id = laptop.execute(save(laptop, running("inner")), {}, wait=0)["executionId"]
        child_id = only_child(fragile, outer_id)
        await napping(fragile, child_id)
        temporal = await TemporalClient.connect(fragile.stack.temporal_address)
        await temporal.get_workflow_handle(f"execution:{child_id}").terminate()
        error = laptop.open(wait_for_end(laptop, outer_id)["error"]["sealed"])
        assert (error["status"], error["instance"]) == (500, "/do/0/start")
        assert error["detail"] == "the workflow that was run did not end by itself"
        assert wait_for_end(laptop, child_id)["status"] == "failed"


def test_a_worker_killed_meanwhile_runs_nothing_twice(fragile: Fragile, gate: Gate) -> None:
    ask = f"{{call: http, with: {{method: put, endpoint: '{gate.url}/inner', body: '${{ . }}'}}}}"
    with new_agent(fragile.platform) as laptop:
        save(laptop, f"{head('inner')}do: [{{ask: {ask}}}]\n")
        gate.blocked_paths = {"/inner"}
        outer_id = laptop.execute(save(laptop, running("inner")), {"n": 1}, wait=0)["executionId"]
        gate.waits(1)
        fragile.kill("temporal")
        gate.let_go()
        fragile.revive("temporal")
        assert laptop.open_result(wait_for_end(laptop, outer_id)) == {"n": 1}
        assert laptop.open_result(wait_for_end(laptop, only_child(fragile, outer_id))) == {"n": 1}
    assert gate.requests == {"/inner": 2}


def test_a_large_input_and_a_large_result_pass_between_the_two(fragile: Fragile) -> None:
    with new_agent(fragile.platform) as laptop:
        save(laptop, f"{head('inner')}do: [{{tell: {{set: {{again: '${{ .text }}'}}}}}}]\n")
        value: dict[str, Any] = {"text": "x" * 400_000}
        answer = laptop.execute(save(laptop, running("inner")), value)
        assert answer["opened"] == {"again": value["text"]}
