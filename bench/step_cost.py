"""What a pure step costs: `python -m bench.step_cost`.

Executes a loop of 2,000 pure steps, and one pure step, by turns on the same server and worker.
Prints the medians, their difference per step, and the number of history events that the steps add.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench.quick_mode import full_or_quick
from bench.results import record
from bin.devtools.conformance.in_memory_events import Memory
from bin.devtools.stack.server import free_port
from bin.devtools.stack.temporal import start_temporal
from engine.contracts.executions import EXECUTION, ExecutionStart, OpenedExecution
from engine.temporal_workflows.execution import ExecutionWorkflow

STEPS = 2_000
ROUNDS = full_or_quick(30, 2)
WARM_UP = full_or_quick(3, 1)
QUEUE = "bench"


def document(rounds: int) -> dict[str, Any]:
    """Return a workflow that sets data so many times."""
    header = {"dsl": "1.0.3", "namespace": "bench", "name": "walk", "version": "1.0.0"}
    items = list(range(rounds))
    loop = {"for": {"in": items}, "do": [{"keep": {"set": {"n": "${ $item }", "was": "${ .n }"}}}]}
    return {"document": header, "do": [{"loop": loop}]}


async def once(client: Client, memory: Memory, rounds: int) -> tuple[float, int]:
    """Execute once; return the seconds it took and the length of its history."""
    execution_id = str(uuid4())
    memory.openings[execution_id] = OpenedExecution("d", 1, document(rounds), {}, "a")
    began = time.perf_counter()
    handle = await client.start_workflow(
        EXECUTION,
        ExecutionStart(execution_id, "a"),
        id=execution_id,
        task_queue=QUEUE,
        execution_timeout=timedelta(seconds=60),
    )
    await handle.result()
    seconds = time.perf_counter() - began
    assert memory.settlements[execution_id].result["n"] == rounds - 1
    return seconds, len((await handle.fetch_history()).events)


async def compare(address: str) -> None:
    """Run both by turns, and print."""
    client, memory = await Client.connect(address), Memory()
    many, one, events = [], [], (0, 0)
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[ExecutionWorkflow],
        activities=memory.activities(),
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        for turn in range(WARM_UP + ROUNDS):
            of_many, of_one = await once(client, memory, STEPS), await once(client, memory, 1)
            if turn >= WARM_UP:
                many.append(of_many[0])
                one.append(of_one[0])
                events = (of_many[1], of_one[1])
    step = (statistics.median(many) - statistics.median(one)) / STEPS
    print(
        f"{STEPS} pure steps: median {1000 * statistics.median(many):.1f} ms, "
        f"{events[0]} history events"
    )
    print(f"one: median {1000 * statistics.median(one):.1f} ms, {events[1]} history events")
    print(
        f"a pure step: {1e6 * step:.0f} µs "
        "(with its share of the server's turn after every 200 steps)"
    )
    medians = [1000 * statistics.median(seconds) for seconds in (many, one)]
    record(f"{STEPS} pure steps", medians[0], "ms", over="one pure step", baseline=medians[1])


def main() -> None:
    """Measure on a server of its own."""
    with TemporaryDirectory() as home:
        temporal, address, _ = start_temporal(Path(home), free_port(), free_port())
        try:
            asyncio.run(compare(address))
        finally:
            temporal.stop()


if __name__ == "__main__":
    main()
