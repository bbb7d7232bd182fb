"""What the engine costs over Temporal itself: `python -m bench.engine`.

By turns with the bare SDK on the same server, with payloads encrypted on our side. (a) A one-step
execution over a workflow that does nothing, and over one with two empty local activities. (b) The
time and the history events that a pure step adds. (c) HTTP steps over a workflow written by hand
for the same activities. (d) One expression on 1 KB, by jq and natively. (e) Executions a second
with 1, 8 and 32 at once, over the bare SDK's. Prints medians and ratios.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import uvloop
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench.baseline_calls import ByHandWorkflow
from bench.baseline_workflow import NoopWorkflow, PairWorkflow, nothing
from bench.platform import HOME
from bench.quick_mode import full_or_quick
from bench.results import record
from bin.devtools.conformance.in_memory_events import Memory
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.servers import running
from engine.activities.http import HttpActivities
from engine.calls.http import HttpCaller
from engine.config.settings import Settings
from engine.contracts.executions import EXECUTION, ExecutionStart, OpenedExecution
from engine.egress.guard import Egress
from engine.expressions import jq
from engine.temporal.connection import connect
from engine.temporal.heartbeat_interceptor import Heartbeats
from engine.temporal_workflows.execution import ExecutionWorkflow
from tests.support.interpreter.echo import echo

QUEUE = "bench"
ROUNDS = full_or_quick(100, 4)
WARM_UP = full_or_quick(10, 1)
HTTP_STEPS = 10
HTTP_ROUNDS = full_or_quick(20, 2)
EVALUATIONS = 1000
AT_ONCE = (1, 8, 32)
SECONDS = full_or_quick(4.0, 0.5)
AIM = 1.3  # of an execution over a workflow that does nothing
AIM_BY_HAND, AIM_AT_ONCE = 1.1, 0.8
NOOP = "no-op of the bare SDK"
HEADER = {"dsl": "1.0.3", "namespace": "bench", "name": "case", "version": "1.0.0"}

Task = Callable[[], Awaitable[Any]]


class OneOwner:
    """Owner of all workflows: one account, so that payloads are also encrypted with its key."""

    async def owner(self, _workflow_id: str) -> UUID:
        """Return the one account."""
        return UUID(int=1)

    async def key(self, _account_id: UUID) -> bytes:
        """Return its key."""
        return bytes(32)

    def remember(self, workflow_id: str, account_id: UUID) -> None:
        """Do nothing: there is one owner."""


class Bench:
    """Worker of both sides: executions open from memory and store their outcomes there."""

    def __init__(self, client: Client, plain: Client, memory: Memory) -> None:
        self.client, self.plain, self.memory = client, plain, memory

    async def ours(self, steps: Sequence[Mapping[str, Any]], data: Any = None) -> str:
        """Execute steps and return the workflow's id."""
        execution_id = str(uuid4())
        document = {"document": HEADER, "do": list(steps)}
        self.memory.openings[execution_id] = OpenedExecution("d", 1, document, data, "a")
        name = f"execution:{execution_id}"
        start = ExecutionStart(execution_id, "a")
        await self.client.execute_workflow(EXECUTION, start, id=name, task_queue=QUEUE)
        if self.memory.settlements.pop(execution_id).error is not None:
            raise AssertionError("the execution failed")
        return name

    async def noop(self) -> None:
        """Run a workflow that does nothing, on the bare SDK."""
        await self.plain.execute_workflow("noop", id=f"noop:{uuid4()}", task_queue=f"{QUEUE}-plain")

    async def pair(self) -> None:
        """Run a workflow with two empty local activities, on the bare SDK."""
        await self.plain.execute_workflow("pair", id=f"pair:{uuid4()}", task_queue=f"{QUEUE}-plain")

    async def by_hand(self, url: str) -> None:
        """Run the same requests from a workflow written for them."""
        arguments = [url, HTTP_STEPS]
        name = f"hand:{uuid4()}"
        await self.client.execute_workflow("by-hand", args=arguments, id=name, task_queue=QUEUE)

    async def events(self, workflow_id: str) -> int:
        """Return how many events a workflow's history has."""
        handle = self.client.get_workflow_handle(workflow_id)
        return len([event async for event in handle.fetch_history_events()])


async def by_turns(tasks: Sequence[Task], rounds: int) -> list[float]:
    """Return the median milliseconds of each task."""
    times_by_task: list[list[float]] = [[] for _ in tasks]
    for turn in range(WARM_UP + rounds):
        for task, times in zip(tasks, times_by_task, strict=True):
            began = time.perf_counter()
            await task()
            if turn >= WARM_UP:
                times.append(1000 * (time.perf_counter() - began))
    return [statistics.median(times) for times in times_by_task]


async def rate(task: Task, at_once: int) -> float:
    """Return how many tasks end in a second, with so many at once."""
    deadline, began, count = time.perf_counter() + SECONDS, time.perf_counter(), 0

    async def repeat() -> None:
        nonlocal count
        while time.perf_counter() < deadline:
            await task()
            count += 1

    await asyncio.gather(*(repeat() for _ in range(at_once)))
    return count / (time.perf_counter() - began)


async def compare(bench: Bench, url: str) -> None:
    """Measure and print all that needs the server."""
    one = [{"double": {"set": {"double": "${ .n * 2 }"}}}]
    hundred = [{f"s{number}": {"set": {"n": "${ .n }"}}} for number in range(101)]
    calls = [
        {f"c{number}": {"call": "http", "with": {"method": "get", "endpoint": url}}}
        for number in range(HTTP_STEPS)
    ]
    ours, pair, bare = await by_turns(
        [lambda: bench.ours(one, {"n": 1}), bench.pair, bench.noop], ROUNDS
    )
    print(
        f"(a) one step {ours:.1f} ms, no-op of the bare SDK {bare:.1f} ms, "
        f"ratio {ours / bare:.2f}; "
        f"two local activities that do nothing {pair:.1f} ms, ratio {ours / pair:.2f}"
    )
    record("one step", ours, "ms", over=NOOP, baseline=bare, at_most=AIM)
    record("one step", ours, "ms", over="two local activities that do nothing", baseline=pair)
    few, many = await by_turns(
        [lambda: bench.ours(hundred[:1], {"n": 1}), lambda: bench.ours(hundred, {"n": 1})],
        ROUNDS // 2,
    )
    events = [
        await bench.events(await bench.ours(steps, {"n": 1})) for steps in (hundred[:1], hundred)
    ]
    per_step = (many - few) / 100
    print(
        f"(b) 100 pure steps add {per_step:.3f} ms each; "
        f"{events[0]} and {events[1]} events of history"
    )
    record("101 pure steps", many, "ms", over="one pure step", baseline=few)
    ours, bare = await by_turns(
        [lambda: bench.ours(calls), lambda: bench.by_hand(url)], HTTP_ROUNDS
    )
    print(
        f"(c) {HTTP_STEPS} http steps {ours:.0f} ms, by hand {bare:.0f} ms, ratio {ours / bare:.2f}"
    )
    record(
        f"{HTTP_STEPS} http steps",
        ours,
        "ms",
        over="a workflow by hand",
        baseline=bare,
        at_most=AIM_BY_HAND,
    )
    await compare_rates(bench)


async def compare_rates(bench: Bench) -> None:
    """Measure and print executions a second, beside the bare SDK."""
    one = [{"double": {"set": {"double": "${ .n * 2 }"}}}]
    for at_once in AT_ONCE:
        bare = await rate(bench.noop, at_once)
        ours = await rate(lambda: bench.ours(one, {"n": 1}), at_once)
        print(
            f"(e) {at_once} at once: {ours:.0f}/s, bare SDK {bare:.0f}/s, ratio {ours / bare:.2f}"
        )
        record(
            f"executions, {at_once} at once",
            ours,
            "/s",
            over=NOOP,
            baseline=bare,
            at_least=AIM_AT_ONCE,
        )


def expressions() -> None:
    """Measure and print what one expression costs."""
    data = {
        "items": [{"name": f"item {number}", "price": number} for number in range(30)],
        "a": {"b": 1},
    }
    medians = {}
    for name, text in (("jq", "[.items[].price] | add"), ("natively", ".items[3].name")):
        program, times = jq.parse_program(text), []
        for number in range(EVALUATIONS):
            unlike = {**data, "n": number}  # jq's answers are cached
            began = time.perf_counter()
            jq.evaluate(program, unlike, variables={}, now=0.0)
            times.append(1e6 * (time.perf_counter() - began))
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
        print(f"(d) an expression on 1 KB {name}: p50 {p50:.0f} µs, p99 {p99:.0f} µs")
        medians[name] = p50
    record(
        "an expression on 1 KB, natively",
        medians["natively"],
        "µs",
        over="by jq",
        baseline=medians["jq"],
    )


async def measure(settings: Settings) -> None:
    """Run the workers of both sides and compare."""
    client = await connect(settings, keyed=True, owners=OneOwner())
    plain, memory = await Client.connect(settings.temporal_address), Memory()
    runner = UnsandboxedWorkflowRunner()
    with ThreadPoolExecutor(8) as threads:
        async with (
            echo() as port,
            Worker(
                client,
                task_queue=QUEUE,
                workflows=[ExecutionWorkflow, ByHandWorkflow],
                activities=[
                    *memory.activities(),
                    HttpActivities(HttpCaller(Egress(allow=f"127.0.0.1:{port}"))).call,
                ],
                activity_executor=threads,
                interceptors=[Heartbeats()],
                workflow_runner=runner,
            ),
            Worker(
                plain,
                task_queue=f"{QUEUE}-plain",
                workflows=[NoopWorkflow, PairWorkflow],
                activities=[nothing],
                activity_executor=threads,
                workflow_runner=runner,
            ),
        ):
            await compare(Bench(client, plain, memory), f"http://127.0.0.1:{port}/")


def main() -> None:
    """Measure and print."""
    expressions()
    with running(HOME, database="cloudapi_bench") as stack:
        uvloop.run(measure(Settings.from_env(stack.environ() | fresh_keys())))


if __name__ == "__main__":
    main()
