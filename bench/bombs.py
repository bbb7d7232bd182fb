"""What a stranger's bombs cost a neighbour: `python -m bench.bombs`.

One account executes a workflow of pure steps, one after the other. Two others run a bomb each,
again and again: one burns its whole budget of time, one fills its budget of memory. Prints the
neighbour's latency beside the latency without bombs, by turns, and their ratio.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from bench.platform import run_platform
from bench.quick_mode import full_or_quick
from bench.results import record
from bin.devtools.stack.client import Client, Keys

ROUNDS = full_or_quick(6, 1)
EXECUTIONS = full_or_quick(40, 5)  # of the neighbour, a round
WARM_UP = full_or_quick(20, 2)
HEAD = "document: {dsl: '1.0.3', namespace: bench, name: case, version: '1.0.0'}\n"
# Not plain, so that it needs a child of jq as the bombs do.
PURE = (
    HEAD
    + "do:\n  - double: {set: {double: '${ .n|.*2 }'}}\n  - pick: {set: {picked: '${ .double }'}}\n"
)
BOMBS = ("last(range(infinite))", '[range(infinite) | "x"] | length')


class Runner:
    """Account with one workflow."""

    def __init__(self, api_url: str, document: str) -> None:
        self._client = Client(api_url, "bench", Keys.fresh())
        self._client.register(f"{uuid4()}@example.org", "a long pass phrase")
        workflow = self._client.create_workflow("case", document)
        if workflow["diagnostics"]:
            raise AssertionError(workflow["diagnostics"])
        self._path = f"/api/workflows/{workflow['id']}/execute"

    def run(self, status: str) -> float:
        """Execute once and return the milliseconds it took.

        :raises AssertionError: when it does not end as it should.
        """
        began = time.perf_counter()
        answer = self._client.http.post(
            self._path, json={"input": {"n": 21}}, headers={"Prefer": "wait=20"}
        ).json()
        milliseconds = 1000 * (time.perf_counter() - began)
        if answer["status"] != status:
            raise AssertionError(answer)
        return milliseconds

    def until_idle(self) -> None:
        """Return once none of the account's executions runs; the step quota may delay them."""
        query = "/api/executions?status=running&limit=1"
        while self._client.request("GET", query)["executions"]:
            time.sleep(0.1)

    def endings(self) -> Counter[str]:
        """Return how many of the account's executions have which status."""
        counts, cursor = Counter[str](), ""
        while True:
            page = self._client.request("GET", f"/api/executions?limit=100{cursor}")
            counts.update(execution["status"] for execution in page["executions"])
            if not page["hasMore"]:
                return counts
            cursor = f"&cursor={page['cursor']}"

    def start(self, n: int) -> int:
        """Start one on an input, wait for nothing, and return the answer's status."""
        answer = self._client.http.post(
            self._path, json={"input": {"n": n}}, headers={"Prefer": "wait=0"}
        )
        return answer.status_code


@contextmanager
def running_bombs(runners: list[Runner]) -> Iterator[list[float]]:
    """Run one bomb of each runner again and again; yield the list of their milliseconds."""
    stop, times = threading.Event(), list[float]()

    def repeat(runner: Runner) -> None:
        while not stop.is_set():
            times.append(runner.run("failed"))

    threads = [threading.Thread(target=repeat, args=(runner,)) for runner in runners]
    for thread in threads:
        thread.start()
    try:
        yield times
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def main() -> None:
    """Measure and print."""
    alone, beside, bombs = list[float](), list[float](), 0
    with run_platform() as platform:
        neighbour = Runner(platform.api_url, PURE)
        strangers = [
            Runner(platform.api_url, f"{HEAD}do:\n  - bomb: {{set: {{x: '${{ {bomb} }}'}}}}\n")
            for bomb in BOMBS
        ]
        for _ in range(WARM_UP):
            neighbour.run("completed")
        for _ in range(ROUNDS):
            alone += [neighbour.run("completed") for _ in range(EXECUTIONS)]
            with running_bombs(strangers) as bomb_times:
                beside += [neighbour.run("completed") for _ in range(EXECUTIONS)]
            bombs += len(bomb_times)
    for name, times in (("alone", alone), (f"beside {bombs} bombs", beside)):
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
        print(f"pure execution {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    p99s = [statistics.quantiles(times, n=100)[98] for times in (beside, alone)]
    print(
        f"ratio beside over alone: p50 {statistics.median(beside) / statistics.median(alone):.2f}, "
        f"p99 {p99s[0] / p99s[1]:.2f}"
    )
    medians = [statistics.median(times) for times in (beside, alone)]
    claim = "an execution beside bombs"
    record(f"{claim}, p50", medians[0], "ms", over="the same alone", baseline=medians[1])
    record(f"{claim}, p99", p99s[0], "ms", over="the same alone", baseline=p99s[1])


if __name__ == "__main__":
    main()
