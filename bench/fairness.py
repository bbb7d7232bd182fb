"""What one account's flood costs another: `python -m bench.fairness`.

One account starts 200 executions as fast as it may and waits for none, while another executes single ones,
one after the other. Prints the latency of those beside the same alone, by turns, and their ratio.
"""

from __future__ import annotations

import statistics
import threading

from bench.bombs import HEAD, PURE, Runner
from bench.pace import paced
from bench.platform import measured
from bench.results import record

FLOOD = paced(200, 10)
ROUNDS = paced(3, 1)
SINGLES = paced(30, 5)  # a round, alone
WARM_UP = paced(20, 2)
LOOP = HEAD + "do:\n  - each: {for: {in: '${ [range(50)] }'}, do: [{add: {set: {n: '${ $index|.+1 }'}}}]}\n"


def flood(runner: Runner, told: list[int]) -> None:
    """Start the flood; note each answer's status."""
    told += [runner.start() for _ in range(FLOOD)]


def main() -> None:
    """Measure and print."""
    alone, beside, told = list[float](), list[float](), list[int]()
    with measured() as platform:
        single, flooding = Runner(platform.api_url, PURE), Runner(platform.api_url, LOOP)
        for _ in range(WARM_UP):
            single.run("completed")
        for _ in range(ROUNDS):
            alone += [single.run("completed") for _ in range(SINGLES)]
            thread = threading.Thread(target=flood, args=(flooding, told))
            thread.start()
            while thread.is_alive():
                beside.append(single.run("completed"))
            thread.join()
            flooding.until_idle()
    for name, times in (("alone", alone), ("beside the flood", beside)):
        p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[18]
        print(f"single execution {name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, of {len(times)}")
    print(f"the flood: {told.count(202)} of {len(told)} started, {told.count(409)} refused")
    medians = [statistics.median(times) for times in (beside, alone)]
    print(f"ratio of the medians: {medians[0] / medians[1]:.2f}")
    claim = "an execution beside another account's flood"
    record(claim, medians[0], "ms", over="the same alone", baseline=medians[1])


if __name__ == "__main__":
    main()
