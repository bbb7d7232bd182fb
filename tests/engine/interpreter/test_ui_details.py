"""What the Temporal UI is told of a walk that is under way, and of one that has ended."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle
from uuid_utils.compat import uuid7

from bin.devtools.conformance.in_memory_events import Broker
from engine.contracts.executions import EXECUTION, ExecutionStart
from tests.support.interpreter.executions import Execute

pytestmark = pytest.mark.stack


ASKED = "__temporal_workflow_metadata"  # what the UI asks


async def details(handle: WorkflowHandle[Any, Any]) -> str:
    """Return the current details of a workflow as the UI gets them."""
    told: WorkflowMetadata = await handle.query(ASKED, result_type=WorkflowMetadata)
    return told.current_details


async def test_an_execution_that_has_ended_tells_how(execute: Execute) -> None:
    execution = await execute([{"one": {"set": {"a": 1}}}, {"two": {"set": {"b": 2}}}])
    assert await details(execution.handle) == (
        "**`case`**\n\n- completed\n- steps walked: 2\n- calls made: 0\n\n`one` → `two`"
    )


async def test_one_that_failed_tells_where_and_with_what_kind_of_error(execute: Execute) -> None:
    execution = await execute(
        [{"bad": {"raise": {"error": {"type": "urn:x", "status": 500, "detail": "hidden"}}}}]
    )
    told = await details(execution.handle)
    assert "- failed at `/do/0/bad`: `urn:x`" in told
    assert "hidden" not in told


async def test_of_a_long_trail_the_end_is_told(execute: Execute) -> None:
    steps = [{f"s{number}": {"set": {"a": number}}} for number in range(20)]
    told = await details((await execute(steps)).handle)
    assert told.endswith("… → " + " → ".join(f"`s{number}`" for number in range(8, 20)))


@pytest.mark.parametrize(
    "name", ["![x](//evil.test/a.png)", "`](//evil.test)", "a\n\n# b", "<img src=x>"]
)
async def test_a_name_is_shown_as_it_is_and_becomes_neither_link_nor_picture(
    execute: Execute, name: str
) -> None:
    told = await details((await execute([{name: {"set": {"a": 1}}}])).handle)
    shown = told.splitlines()[-1]
    assert (shown[0], shown[-1], "`" in shown[1:-1]) == ("`", "`", False)


async def test_steps_that_are_under_way_are_told_by_their_pointers(
    temporal: Client, broker: Broker, queue: str
) -> None:
    branches = [
        {"nap": {"wait": {"minutes": 1}}},
        {"list": {"do": [{"doze": {"wait": {"minutes": 1}}}]}},
    ]
    document = {
        "document": {"dsl": "1.0.3", "namespace": "tests", "name": "case", "version": "1.0.0"},
        "do": [{"done": {"set": {"a": 1}}}, {"both": {"fork": {"branches": branches}}}],
    }
    execution_id = str(uuid7())
    broker.open(execution_id, execution_id, document, None)
    handle = await temporal.start_workflow(
        EXECUTION,
        ExecutionStart(execution_id, execution_id),
        id=f"execution:{execution_id}",
        task_queue=queue,
    )
    told = ""
    while "at `" not in told:
        told = await details(handle)
    at = [line for line in told.splitlines() if line.startswith("- at ")]
    assert at == [
        "- at `/do/1/both/fork/branches/0/nap`",
        "- at `/do/1/both/fork/branches/1/list/do/0/doze`",
    ]
    await handle.terminate()
