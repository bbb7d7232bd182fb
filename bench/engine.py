"""What the engine costs over Temporal itself: `python -m bench.engine`.

Against the bare SDK by turns on the same server, payloads sealed on our side: (a) a one-step execution over a
workflow that does nothing, and over one that has nothing done by two local activities; (b) what a pure step
adds, and how many events of history; (c) http steps over a workflow written by hand for the same
activities; (d) one expression on 1 KB, by jq and natively; (e) executions a second at 1, 8 and 32 at once
over the bare SDK's. Prints medians and ratios.
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

from bench.byhand import ByHandWorkflow
from bench.noop import NoopWorkflow, PairWorkflow, nothing
from bench.pace import paced
from bench.platform import HOME
from bench.results import record
from bin.devtools.conformance.in_memory_events import Memory
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.servers import running
from engine.activities.http import HttpActivities
from engine.calls.http import HttpCaller
from engine.config.settings import Settings
from engine.contracts import executions
from engine.egress.guard import Egress
from engine.expressions import jq
from engine.temporal import client as temporal
from engine.temporal.heartbeat_interceptor import Heartbeats
from engine.temporal_workflows.execution import ExecutionWorkflow
from tests.support.interpreter.echo import echo

QUEUE = "bench"
ROUNDS = paced(100, 4)
WARM_UP = paced(10, 1)
HTTP_STEPS = 10
HTTP_ROUNDS = paced(20, 2)
EVALUATIONS = 1000
AT_ONCE = (1, 8, 32)
SECONDS = paced(4.0, 0.5)
AIM = 1.3  # of an execution over a workflow that does nothing
AIM_BY_HAND, AIM_AT_ONCE = 1.1, 0.8
NOOP = "no-op of the bare SDK"
HEADER = {"dsl": "1.0.3", "namespace": "bench", "name": "case", "version": "1.0.0"}

Task = Callable[[], Awaitable[Any]]


class OneOwner:
    """Whose all workflows are: payloads are sealed under the account's key too, as they are at work."""

    async def owner(self, _workflow_id: str) -> UUID:
        """Return the one account."""
        return UUID(int=1)

    async def key(self, _account_id: UUID) -> bytes:
        """Return its key."""
        return bytes(32)

    def remember(self, workflow_id: str, account_id: UUID) -> None:
        """Know it already."""


class Bench:
    """A worker of both sides in this process: executions open from memory and settle into it."""

    def __init__(self, client: Client, plain: Client, memory: Memory) -> None:
        self.client, self.plain, self.memory = client, plain, memory

    async def ours(self, steps: Sequence[Mapping[str, Any]], data: Any = None) -> str:
        """Execute steps and return the workflow's id."""
        execution_id = str(uuid4())
        document = {"document": HEADER, "do": list(steps)}
        self.memory.openings[execution_id] = executions.Opened("d", 1, document, data, "a")
        name = executions.execution_workflow_id(execution_id)
        start = executions.ExecutionStart(execution_id, "a")
        await self.client.execute_workflow(executions.EXECUTION, start, id=name, task_queue=QUEUE)
        if self.memory.settlements.pop(execution_id).error is not None:
            raise AssertionError("the execution failed")
        return name

    async def noop(self) -> None:
        """Run what does nothing, on the SDK as it comes."""
        await self.plain.execute_workflow("noop", id=f"noop:{uuid4()}", task_queue=f"{QUEUE}-plain")

    async def pair(self) -> None:
        """Run what has nothing done by two local activities, on the SDK as it comes."""
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
    spent: list[list[float]] = [[] for _ in tasks]
    for turn in range(WARM_UP + rounds):
        for task, times in zip(tasks, spent, strict=True):
            began = time.perf_counter()
            await task()
            if turn >= WARM_UP:
                times.append(1000 * (time.perf_counter() - began))
    return [statistics.median(times) for times in spent]


async def rate(task: Task, at_once: int) -> float:
    """Return how often a second a task is done by so many at once."""
    deadline, began, done = time.perf_counter() + SECONDS, time.perf_counter(), 0

    async def repeat() -> None:
        nonlocal done
        while time.perf_counter() < deadline:
            await task()
            done += 1

    await asyncio.gather(*(repeat() for _ in range(at_once)))
    return done / (time.perf_counter() - began)


async def compare(bench: Bench, url: str) -> None:
    """Measure and print what needs the server."""
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
        f"(a) one step {ours:.1f} ms, no-op of the bare SDK {bare:.1f} ms, ratio {ours / bare:.2f}; "
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
    added = (many - few) / 100
    print(
        f"(b) 100 pure steps add {added:.3f} ms each; {events[0]} and {events[1]} events of history"
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
        asked, spent = jq.parse_program(text), []
        for number in range(EVALUATIONS):
            unlike = {**data, "n": number}  # an answer of jq is remembered
            began = time.perf_counter()
            jq.evaluate(asked, unlike, variables={}, now=0.0)
            spent.append(1e6 * (time.perf_counter() - began))
        p50, p99 = statistics.median(spent), statistics.quantiles(spent, n=100)[98]
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
    client = await temporal.connect(settings, keyed=True, owners=OneOwner())
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
