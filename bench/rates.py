"""How often something is done in a second, by several at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.pace import paced

ROUND_SECONDS = paced(2.0, 0.3)
Task = Callable[[], None]


def rate(tasks: Sequence[Task]) -> float:
    """Repeat each task in a thread of its own for a round; return how many were done per second."""
    deadline = time.perf_counter() + ROUND_SECONDS

    def repeat(task: Task) -> int:
        done = 0
        while time.perf_counter() < deadline:
            task()
            done += 1
        return done

    with ThreadPoolExecutor(len(tasks)) as threads:
        began = time.perf_counter()
        done = sum(threads.map(repeat, tasks))
        return done / (time.perf_counter() - began)
