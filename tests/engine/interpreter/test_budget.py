"""The tasks of an account's executions are counted by the minute; past the limit they wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from uuid_utils.compat import uuid7

from bin.devtools.conformance.in_memory_events import Broker, Memory
from bin.devtools.stack.client import Client as Agent
from bin.devtools.stack.servers import Stack
from engine.activities.step_quota import StepQuota
from engine.contracts.executions import COUNT_STEPS, EXECUTION, ExecutionStart, StepCount
from engine.temporal_workflows.execution import ExecutionWorkflow
from tests.support.interpreter.executions import HEADER, Execute
from tests.support.interpreter.replays import replay
from tests.support.interpreter.rests import of, runs
from tests.support.platform import Platform

ROUNDS = {
    "for": {"each": "n", "in": "[range(450)]"},
    "do": [{"one": {"set": {"a": 1}}}],
}  # 451 steps
PURE = """
document: {dsl: '1.0.3', namespace: tests, name: pure, version: '1.0.0'}
do: [{a: {set: {x: 1}}}, {b: {set: {x: 2}}}, {c: {set: {x: 3}}}]
"""


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(stack.redis_url, decode_responses=True) as client:
        yield client


def seconds_of(redis: Redis) -> int:
    """Return the time by which Redis counts."""
    return int(redis.time()[0])


def counted(redis: Redis, account_id: str) -> int:
    return sum(int(count) for count in redis.hvals(f"steps:{account_id}"))


@pytest.mark.stack
def test_a_minute_takes_so_many_steps_and_the_rest_wait_their_turn(
    stack: Stack, redis: Redis
) -> None:
    turns, account_id = StepQuota(stack.redis_url, steps_per_minute=400), str(uuid7())
    began = seconds_of(redis)
    assert [turns.count(account_id, steps) for steps in (0, 200, 200)] == [0, 0, 0]
    late = [turns.count(account_id, 200) for _ in range(4)]
    passed = seconds_of(redis) - began
    # Each minute after the one of the two that were taken holds two again.
    assert all(60 - passed <= seconds <= 60 for seconds in late[:2])
    assert all(120 - passed <= seconds <= 120 for seconds in late[2:])
    assert turns.count(account_id, 0) > 60, "who begins now waits behind them"
    assert turns.count(str(uuid7()), 200) == 0, "another account does not"


@pytest.mark.stack
def test_two_workers_count_together(stack: Stack) -> None:
    one, other = (StepQuota(stack.redis_url, steps_per_minute=10) for _ in range(2))
    account_id = str(uuid7())
    assert one.count(account_id, 10) == 0
    assert other.count(account_id, 1) > 0


@pytest.mark.unit
def test_without_redis_nobody_is_slowed() -> None:
    assert StepQuota("redis://127.0.0.1:1").count("a", 1_000_000) == 0


@pytest.mark.stack
@pytest.mark.parametrize("rests_every", [0, 100])
async def test_steps_are_counted_once_however_many_runs_walk_them(
    execute: Execute, temporal: Client, redis: Redis, rests_every: int
) -> None:
    execution = await execute([{"rounds": ROUNDS}], {}, rests_every=rests_every)
    assert counted(redis, execution.settlement.account_id) == 400
    assert execution.settlement.steps == 51
    markers = 0
    histories = await runs(temporal, execution.handle)
    for events in histories:
        markers += len(of(events, EventType.EVENT_TYPE_MARKER_RECORDED))
    assert (len(histories) > 1) == bool(rests_every)
    handed_on = len(histories) - 1
    assert markers == 4 + handed_on, (
        "to open, to settle, to count 200 steps twice, to keep each run's steps"
    )


@pytest.mark.stack
async def test_an_execution_past_the_bound_waits_and_ends_as_it_would(temporal: Client) -> None:
    memory, execution_id = Memory(), str(uuid7())
    broker = Broker(temporal, memory.openings)
    broker.open(execution_id, execution_id, {"document": HEADER, "do": [{"r": ROUNDS}]}, {})

    @activity.defn(name=COUNT_STEPS)
    async def take(taken: StepCount) -> float:
        return taken.steps / 1000

    queue = f"slowed-{uuid7()}"
    async with Worker(
        temporal,
        task_queue=queue,
        workflows=[ExecutionWorkflow],
        activities=[memory.open, memory.settle, take],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    ):
        handle = await temporal.start_workflow(
            EXECUTION,
            ExecutionStart(execution_id, execution_id),
            id=f"execution:{execution_id}",
            task_queue=queue,
            execution_timeout=timedelta(seconds=60),
        )
        await handle.result()
    assert memory.settlements[execution_id].result == {"a": 1}
    history = await handle.fetch_history()
    timers = of(list(history.events), EventType.EVENT_TYPE_TIMER_STARTED)
    waits = [
        timer.timer_started_event_attributes.start_to_fire_timeout.ToMilliseconds()
        for timer in timers
    ]
    assert waits == [200, 200]
    await replay(history)


@pytest.mark.platform
async def test_small_executions_count_too_and_steps_cost_no_event(
    platform: Platform, laptop: Agent, redis: Redis, temporal: Client
) -> None:
    account_id = laptop.request("GET", "/api/auth/me")["id"]
    workflow: dict[str, Any] = laptop.create_workflow("pure", PURE)
    execution = [laptop.execute(workflow["id"]) for _ in range(2)]
    assert counted(redis, account_id) == 6
    handle = temporal.get_workflow_handle(f"execution:{execution[0]['executionId']}")
    events = list((await handle.fetch_history()).events)
    assert len(of(events, EventType.EVENT_TYPE_MARKER_RECORDED)) == 2
    assert not of(events, EventType.EVENT_TYPE_TIMER_STARTED)
    assert platform.api_url
