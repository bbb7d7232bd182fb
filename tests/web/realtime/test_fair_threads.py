"""Threads in which clients take turns."""

import asyncio
import threading
from typing import Any

import pytest

from web.realtime.fair_threads import CALLS_PER_THREAD, CLIENT, FairThreads

pytestmark = pytest.mark.unit


def scope(client: str) -> dict[str, Any]:
    return {"state": {CLIENT: client}}


async def test_a_client_that_asks_much_lets_others_have_their_turn() -> None:
    threads, gate, order = FairThreads(1, "test"), threading.Event(), list[str]()

    def call(name: str) -> None:
        gate.wait()
        order.append(name)

    tasks = [
        asyncio.create_task(threads.run(scope(client), call, f"{client}{number}"))
        for client, count in (("a", 10), ("b", 2), ("c", 1))
        for number in range(count)
    ]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    ahead = [f"a{number}" for number in range(CALLS_PER_THREAD)]
    turns = ["a2", "b0", "c0", "a3", "b1", "a4", "a5", "a6", "a7", "a8", "a9"]
    assert order == ahead + turns


async def test_a_request_that_is_cancelled_or_fails_leaves_its_place() -> None:
    threads, gate = FairThreads(1, "test"), threading.Event()
    running = [
        asyncio.create_task(threads.run(scope("a"), gate.wait)) for _ in range(CALLS_PER_THREAD)
    ]
    waiting = [asyncio.create_task(threads.run(scope("a"), gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting[:2]:
        task.cancel()
    gate.set()
    assert all(await asyncio.gather(*running, waiting[2]))
    for _ in range(2 * CALLS_PER_THREAD):
        with pytest.raises(ZeroDivisionError):
            await threads.run(scope("a"), lambda: 1 // 0)
    assert await threads.run({}, lambda: 1) == 1
