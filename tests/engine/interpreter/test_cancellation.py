"""What is stopped stops: a server that would never answer sees its connection closed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bin.devtools.conformance.in_memory_events import Memory
from engine.activities.http import HttpActivities
from engine.calls.http import HttpCaller
from engine.contracts.executions import (
    EXECUTION,
    FLUSH_TIMELINE,
    ExecutionStart,
    OpenedExecution,
    Settlement,
    TimelineFlush,
)
from engine.egress.guard import Egress
from engine.temporal.heartbeat_interceptor import Heartbeats
from engine.temporal_workflows.execution import STOP_DETAIL, ExecutionWorkflow
from tests.support.interpreter.executions import HEADER
from worker.temporal.main import BEAT

pytestmark = pytest.mark.stack


SECONDS_MAX = 30


@dataclass(slots=True)
class Silent:
    """Server that answers no request; it records when one arrives and when it is cancelled."""

    port: int = 0
    open: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            await self._count(1)
            await reader.read()  # ends when the other side closes
        await self._count(-1)

    async def holds(self, count: int) -> None:
        """Return once so many requests are open."""
        async with asyncio.timeout(SECONDS_MAX), self.changed:
            await self.changed.wait_for(lambda: self.open == count)

    async def _count(self, more: int) -> None:
        async with self.changed:
            self.open += more
            self.changed.notify_all()


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    found = Silent()
    async with await asyncio.start_server(found.serve, "127.0.0.1", 0) as server:
        found.port = int(server.sockets[0].getsockname()[1])
        yield found


Begin = Callable[..., Awaitable[WorkflowHandle[Any, Any]]]


@pytest.fixture
async def begin(temporal: Client, memory: Memory, silent: Silent) -> AsyncIterator[Begin]:
    """Start an execution of steps on a worker that may call the silent server."""
    queue = f"stopping-{uuid7()}"

    async def start(
        steps: list[dict[str, Any]], lasts: float = 60, **top: Any
    ) -> WorkflowHandle[Any, Any]:
        execution_id = str(uuid7())
        document = {"document": HEADER, "do": steps, **top}
        memory.openings[execution_id] = OpenedExecution("d", 1, document, {}, "a")
        return await temporal.start_workflow(
            EXECUTION,
            ExecutionStart(execution_id, "a"),
            id=f"execution:{execution_id}",
            task_queue=queue,
            execution_timeout=timedelta(seconds=lasts),
        )

    calls = HttpActivities(HttpCaller(Egress(allow=f"127.0.0.1:{silent.port}")))
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[ExecutionWorkflow],
        activities=[*memory.activities(), calls.call],
        interceptors=[Heartbeats()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
        max_heartbeat_throttle_interval=BEAT,
    ):
        yield start


def ask(silent: Silent, **surroundings: Any) -> dict[str, Any]:
    endpoint = f"http://127.0.0.1:{silent.port}/"
    return {"call": "http", "with": {"method": "post", "endpoint": endpoint}, **surroundings}


def side_by_side(silent: Silent) -> list[dict[str, Any]]:
    branches = [{"a": ask(silent)}, {"b": {"do": [{"c": ask(silent)}]}}, {"nap": {"wait": "PT1H"}}]
    return [{"all": {"fork": {"branches": branches}}}]


def settlement(memory: Memory, handle: WorkflowHandle[Any, Any]) -> Settlement:
    return memory.settlements[handle.id.partition(":")[2]]


async def test_cancelling_an_execution_ends_its_calls_and_settles_it(
    begin: Begin, silent: Silent, memory: Memory
) -> None:
    handle = await begin(side_by_side(silent))
    await silent.holds(2)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED
    settled = settlement(memory, handle)
    assert settled.error is not None
    assert (settled.status, settled.error["status"], settled.error["detail"]) == (
        "failed",
        500,
        STOP_DETAIL,
    )
    await silent.holds(0)


@pytest.mark.parametrize("how", ["terminated", "timed out"])
async def test_calls_end_with_an_execution_that_had_no_word_in_it(
    begin: Begin, silent: Silent, how: str
) -> None:
    handle = await begin(side_by_side(silent), lasts=60 if how == "terminated" else 3)
    await silent.holds(2)
    if how == "terminated":
        await handle.terminate()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    await silent.holds(0)


SOON = {"after": {"milliseconds": 500}}
LIMITED: dict[str, Callable[[Silent], tuple[list[dict[str, Any]], dict[str, Any]]]] = {
    "a step": lambda silent: ([{"a": ask(silent, timeout=SOON)}], {}),
    "a list": lambda silent: ([{"in": {"do": side_by_side(silent), "timeout": SOON}}], {}),
    "a workflow": lambda silent: (side_by_side(silent), {"timeout": SOON}),
    "a try": lambda silent: (
        [
            {
                "t": {
                    "try": side_by_side(silent),
                    "catch": {"retry": {"limit": {"attempt": {"count": 0, "duration": "PT0.5S"}}}},
                }
            }
        ],
        {},
    ),
}


@pytest.mark.parametrize("what", LIMITED)
async def test_a_timeout_ends_the_calls_within_it(
    begin: Begin, silent: Silent, memory: Memory, what: str
) -> None:
    steps, top = LIMITED[what](silent)
    handle = await begin(steps, **top)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    settled = settlement(memory, handle)
    assert settled.error is not None
    assert (settled.error["status"], settled.error["detail"]) == (408, "it took longer than 0.5 s")
    await silent.holds(0)


async def test_what_lost_a_race_is_given_up(begin: Begin, silent: Silent, memory: Memory) -> None:
    branches = [
        {"slow": ask(silent)},
        {"quick": {"do": [{"w": {"wait": "PT1S"}}, {"s": {"set": {"v": 1}}}]}},
    ]
    handle = await begin([{"race": {"fork": {"compete": True, "branches": branches}}}])
    await silent.holds(1)
    await handle.result()
    assert settlement(memory, handle).result == {"v": 1}
    await silent.holds(0)


class Unwritable(Memory):
    """Executions whose timeline cannot be stored."""

    @activity.defn(name=FLUSH_TIMELINE)
    async def keep_steps(self, _steps: TimelineFlush) -> None:
        raise ApplicationError("the timeline cannot be stored", non_retryable=True)


async def test_an_execution_that_fails_while_it_rests_ends_its_strands(temporal: Client) -> None:
    memory, execution_id, queue = Unwritable(), str(uuid7()), f"stopping-{uuid7()}"
    steps = [{"pause": {"wait": "PT0.1S"}}, {"a": {"set": {"n": 1}}}]
    branches = [{"nap": {"wait": "PT1H"}}, {"steps": {"do": steps}}]
    document = {"document": HEADER, "do": [{"all": {"fork": {"branches": branches}}}]}
    memory.openings[execution_id] = OpenedExecution("d", 1, document, {}, "a", rests_every=3)
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[ExecutionWorkflow],
        activities=memory.activities(),
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        handle = await temporal.start_workflow(
            EXECUTION,
            ExecutionStart(execution_id, "a"),
            id=f"execution:{execution_id}",
            task_queue=queue,
            execution_timeout=timedelta(seconds=SECONDS_MAX),
        )
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    history = await handle.fetch_history()
    kinds = {event.event_type for event in history.events}
    assert kinds >= {EventType.EVENT_TYPE_TIMER_STARTED, EventType.EVENT_TYPE_TIMER_CANCELED}
