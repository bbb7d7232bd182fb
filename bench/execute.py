"""What executing costs over Temporal itself: `python -m bench.execute`.

By turns on the same server, one sealed one-step workflow over HTTP with `Prefer: wait`, and a
workflow that does nothing, started and awaited by the bare SDK. Prints the medians and their ratio.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from uuid import uuid4

from temporalio.client import Client as TemporalClient

from bench.baseline_workflow import TASK_QUEUE
from bench.platform import HOME, PlatformUnderTest, run_platform
from bench.quick_mode import full_or_quick
from bench.results import record
from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.server import start

ROUNDS = full_or_quick(200, 5)
WARM_UP = full_or_quick(20, 2)
DOCUMENT = """
document: {dsl: '1.0.3', namespace: bench, name: one-step, version: '1.0.0'}
do:
  - double: {set: {double: '${ .n * 2 }'}}
"""


class Executor:
    """Client of the platform with one workflow, whose input is sealed before the clock starts."""

    def __init__(self, client: Client) -> None:
        self._client = client
        workflow = client.create_workflow("one-step", DOCUMENT)
        self._path = f"/api/workflows/{workflow['id']}/execute"
        self._body = {"input": client.seal(b'{"n": 21}')}

    def run(self) -> float:
        """Execute once and return the seconds it took."""
        began = time.perf_counter()
        answer = self._client.http.post(self._path, json=self._body, headers={"Prefer": "wait=20"})
        seconds = time.perf_counter() - began
        if self._client.open(answer.json()["result"]) != {"double": 42}:
            raise AssertionError("the workflow did not do its work")
        return seconds


async def bare(temporal: TemporalClient) -> float:
    """Start and await one workflow that does nothing; return the seconds it took."""
    began = time.perf_counter()
    await temporal.execute_workflow("noop", id=f"noop:{uuid4()}", task_queue=TASK_QUEUE)
    return time.perf_counter() - began


async def compare(platform: PlatformUnderTest) -> tuple[list[float], list[float]]:
    """Run both by turns; return their seconds."""
    temporal = await TemporalClient.connect(platform.stack.temporal_address)
    with Client(platform.api_url, "bench", Keys.fresh()) as client:
        client.register(f"{uuid4()}@example.org", "a long pass phrase")
        ours, ours_seconds, bare_seconds = Executor(client), [], []
        for turn in range(WARM_UP + ROUNDS):
            pair = (await asyncio.to_thread(ours.run), await bare(temporal))
            if turn >= WARM_UP:
                ours_seconds.append(pair[0])
                bare_seconds.append(pair[1])
    return ours_seconds, bare_seconds


def main() -> None:
    """Measure and print."""
    with run_platform() as platform:
        worker = start(
            "noop",
            [sys.executable, "-m", "bench.baseline_workflow"],
            log=HOME / "logs" / "noop.log",
            ready=lambda: True,
            env=os.environ | platform.environ,
        )
        try:
            ours, baseline = asyncio.run(compare(platform))
        finally:
            worker.stop()
    for name, seconds in (("POST execute, one step", ours), ("bare SDK, no-op", baseline)):
        cuts = statistics.quantiles(seconds, n=20)
        print(
            f"{name}: median {1000 * statistics.median(seconds):.1f} ms, "
            f"p95 {1000 * cuts[18]:.1f} ms"
        )
    medians = [1000 * statistics.median(seconds) for seconds in (ours, baseline)]
    print(f"ratio of the medians of {ROUNDS}, by turns: {medians[0] / medians[1]:.2f}")
    over = "no-op of the bare SDK"
    record("POST execute, one step", medians[0], "ms", over=over, baseline=medians[1])


if __name__ == "__main__":
    main()
