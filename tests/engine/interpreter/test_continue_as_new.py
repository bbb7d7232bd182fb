"""What every run of an execution has in common, and which worker may walk it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes
from uuid_utils.compat import uuid7

from bin.devtools.conformance.in_memory_events import Memory
from engine.contracts.executions import EXECUTION, ExecutionStart, OpenedExecution
from engine.interpreter import checkpoint
from engine.interpreter.runtime.frames import Frame
from engine.interpreter.runtime.quiescence import Quiescence
from engine.temporal import search_attributes
from engine.temporal.commands import TASK_TIMEOUT
from tests.support.interpreter.executions import HEADER
from tests.support.interpreter.rests import adding, runs


@pytest.mark.unit
async def test_while_something_is_in_flight_a_rest_waits_until_it_is_urgent() -> None:
    asked: list[bool] = []

    def is_history_long(patient: bool) -> bool:
        asked.append(patient)
        return not patient

    quiescence, frame = Quiescence(is_history_long), Frame()
    with quiescence.pinning(Frame(pinned=True)):
        await quiescence.safe_point(frame)
        await quiescence.safe_point(Frame(pinned=True))
        assert not quiescence.due
    stopped = asyncio.create_task(quiescence.safe_point(frame))
    await asyncio.sleep(0)
    assert (quiescence.is_reached, stopped.done(), asked) == (True, False, [True, False])
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert not quiescence.is_reached


@pytest.mark.stack
async def test_what_an_execution_was_started_with_holds_for_every_run(
    temporal: Client, memory: Memory, queue: str
) -> None:
    execution_id = str(uuid7())
    document = {"document": HEADER, "do": [adding("a"), adding("b"), {"nap": {"wait": "PT20S"}}]}
    memory.openings[execution_id] = OpenedExecution("d", 1, document, {}, "account", rests_every=1)
    handle = await temporal.start_workflow(
        EXECUTION,
        ExecutionStart(execution_id, "account"),
        id=f"execution:{execution_id}",
        task_queue=queue,
        execution_timeout=timedelta(seconds=8),
        task_timeout=TASK_TIMEOUT,
        priority=Priority(fairness_key="account"),
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(search_attributes.ACCOUNT, "account")]
        ),
    )
    with pytest.raises(Exception, match="failed") as failed:
        await handle.result()
    assert "timed out" in str(failed.value.__cause__)
    histories = await runs(temporal, handle)
    first, last = (
        events[0].workflow_execution_started_event_attributes
        for events in (histories[0], histories[-1])
    )
    assert len(histories) == 4
    assert last.search_attributes == first.search_attributes
    assert last.priority == first.priority
    assert last.workflow_task_timeout == first.workflow_task_timeout
    assert last.workflow_execution_expiration_time == first.workflow_execution_expiration_time


@pytest.mark.stack
async def test_a_worker_leaves_executions_of_a_newer_interpreter_alone(
    temporal: Client, memory: Memory, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = str(uuid7())
    document = {"document": HEADER, "do": [adding("a"), adding("b")]}
    memory.openings[execution_id] = OpenedExecution("d", 1, document, {}, "account", interpreter=99)
    handle = await temporal.start_workflow(
        EXECUTION,
        ExecutionStart(execution_id, "account"),
        id=f"execution:{execution_id}",
        task_queue=queue,
        execution_timeout=timedelta(seconds=60),
    )
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            break
    assert execution_id not in memory.settlements
    monkeypatch.setattr(checkpoint, "INTERPRETER", 99)
    await handle.result()
    assert memory.settlements[execution_id].result == {"path": ["a", "b"]}
