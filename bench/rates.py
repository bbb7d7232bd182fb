"""How often several threads at once finish a task in a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.quick_mode import full_or_quick

ROUND_SECONDS = full_or_quick(2.0, 0.3)
Task = Callable[[], None]


def rate(tasks: Sequence[Task]) -> float:
    """Repeat each task in a thread of its own for a round; return the number of ends a second."""
    deadline = time.perf_counter() + ROUND_SECONDS

    def repeat(task: Task) -> int:
        count = 0
        while time.perf_counter() < deadline:
            task()
            count += 1
        return count

    with ThreadPoolExecutor(len(tasks)) as threads:
        began = time.perf_counter()
        total = sum(threads.map(repeat, tasks))
        return total / (time.perf_counter() - began)
