"""An account past its share of the worker holds neither a workflow task nor an activity's place."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bin.devtools.stack.servers import Stack
from engine.contracts.executions import StepCount
from engine.expressions.sandbox.account_shares import AccountShares
from engine.expressions.sandbox.fair_queue import ACCOUNT
from engine.interpreter.runtime.environment import ActivityCall
from engine.temporal_workflows.environment import TemporalEnvironment
from engine.temporal_workflows.local_activities import run_local_activity
from tests.support.waiting import UNTIL_SECONDS_MAX
from worker.temporal.activity_places import ActivityPlaces

pytestmark = pytest.mark.stack

GREEDY, NEIGHBOUR = "greedy", "neighbour"
Start = Callable[[str, str], Awaitable[WorkflowHandle[str, str]]]


@workflow.defn
class LocalWork:
    """A workflow of one local activity."""

    @workflow.run
    async def run(self, account_id: str) -> str:
        """Return the account that the activity worked for."""
        return str(await run_local_activity("work", StepCount(account_id, 1), str))


@workflow.defn
class CallingWork:
    """A workflow of one activity on a task queue, which must not run twice."""

    @workflow.run
    async def run(self, account_id: str) -> str:
        """Return the account that the activity worked for."""
        call = ActivityCall("call", [1], str, 60)
        return str(await TemporalEnvironment(account_id, "-").call(call, task=None, number=1))


class Place:
    """A worker with two slots of each kind, of which an account may have one."""

    def __init__(self) -> None:
        self.started, self.finish = asyncio.Queue[str](), asyncio.Event()

    async def _work(self) -> str:
        account_id = ACCOUNT.get()
        self.started.put_nowait(account_id)
        if account_id == GREEDY:
            await self.finish.wait()
        return account_id

    @activity.defn(name="work")
    async def work(self, _count: StepCount) -> str:
        """Work on behalf of the account that the argument names."""
        return await self._work()

    @activity.defn(name="call")
    async def call(self, _argument: list[int]) -> str:
        """Work on behalf of the account of the workflow's fairness key."""
        return await self._work()


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
async def start(stack: Stack, place: Place) -> AsyncIterator[Start]:
    client = await Client.connect(stack.temporal_address, namespace=stack.temporal_namespace)
    queue = f"places-{uuid7()}"

    async def start_workflow(kind: str, account_id: str) -> WorkflowHandle[str, str]:
        return await client.start_workflow(
            kind,
            account_id,
            id=f"{kind}-{uuid7()}",
            task_queue=queue,
            result_type=str,
            execution_timeout=timedelta(seconds=120),
            priority=Priority(fairness_key=account_id),
        )

    with ThreadPoolExecutor(2) as threads:
        async with Worker(
            client,
            task_queue=queue,
            workflows=[LocalWork, CallingWork],
            activities=[place.work, place.call],
            activity_executor=threads,
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_workflow_tasks=3,
            debug_mode=True,
            max_concurrent_activities=2,
            interceptors=[ActivityPlaces(AccountShares(1, wait_seconds=0))],
        ):
            yield start_workflow
            place.finish.set()


async def wait_for_timers(handles: list[WorkflowHandle[str, str]]) -> None:
    """Return when each workflow waits for a timer."""
    async with asyncio.timeout(UNTIL_SECONDS_MAX):
        for handle in handles:
            kinds = set[int]()
            while EventType.EVENT_TYPE_TIMER_STARTED not in kinds:
                kinds = {event.event_type for event in (await handle.fetch_history()).events}


@pytest.mark.parametrize("kind", ["LocalWork", "CallingWork"])
async def test_a_neighbour_is_served_while_an_account_s_activities_hang(
    start: Start, place: Place, kind: str
) -> None:
    first = await start(kind, GREEDY)
    assert await place.started.get() == GREEDY
    others = [await start(kind, GREEDY) for _ in range(3)]
    await wait_for_timers(others)
    neighbours = [await start(kind, NEIGHBOUR) for _ in range(3)]
    assert await asyncio.gather(*(one.result() for one in neighbours)) == [NEIGHBOUR] * 3
    assert [place.started.get_nowait() for _ in neighbours] == [NEIGHBOUR] * 3
    assert place.started.empty(), "the others of the account did not even begin"
    place.finish.set()
    assert await asyncio.gather(*(one.result() for one in [first, *others])) == [GREEDY] * 4
    assert place.started.qsize() == 3, "each ran once"
