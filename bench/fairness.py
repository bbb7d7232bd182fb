"""What one account's flood costs another: `python -m bench.fairness`.

One account starts 200 executions as fast as it may and waits for none, while another executes single ones,
one after the other. Floods are of loops of fifty small programs, of programs that burn their budget, or of
a hundred thousand numbers that flow through a hundred steps. Prints the latency beside each, and the same
alone, by turns, the ratios, and how the flood's own executions ended.
"""

from __future__ import annotations

import secrets
import statistics
import threading

from bench.bombs import BOMBS, HEAD, PURE, Runner
from bench.pace import paced
from bench.platform import measured
from bench.results import record

FLOOD = paced(200, 10)
ROUNDS = paced(3, 1)
SINGLES = paced(30, 5)  # a round, alone
WARM_UP = paced(20, 2)
FLOODS = {
    "an execution beside another account's flood": (
        "do:\n  - each: {for: {in: '${ [range(50)] }'}, do: [{add: {set: {n: '${ .n|.+1 }'}}}]}\n"
    ),
    "an execution beside another account's flood of bombs": (
        f"do:\n  - bomb: {{set: {{x: '${{ {BOMBS[0]} }}'}}}}\n"
    ),
    "an execution beside another account's flood of much data": (
        "do:\n  - all: {set: {a: '${ [range(100000)] }'}}\n"
        "  - each: {for: {in: '${ [range(100)] }'}, do: [{pass: {set: '${ . }'}}]}\n"
        "output: {as: '${ .a | length }'}\n"
    ),
}


def flood(runner: Runner, told: list[int]) -> None:
    """Start the flood; note each answer's status.

    Each execution has an input unlike all others: an answer of jq is remembered for a while.
    """
    first = secrets.randbits(40)
    told += [runner.start(first + 1_000 * n) for n in range(FLOOD)]


def beside(single: Runner, flooding: Runner, told: list[int]) -> list[float]:
    """Return how long single executions took while the other account's were started and began to run.

    Later they wait for their account's minute, and disturb nobody.
    """
    times = list[float]()
    thread = threading.Thread(target=flood, args=(flooding, told))
    thread.start()
    while thread.is_alive() or len(times) < SINGLES:
        times.append(single.run("completed"))
    thread.join()
    flooding.until_idle()
    return times


def main() -> None:
    """Measure and print."""
    alone = list[float]()
    crowded: dict[str, list[float]] = {claim: [] for claim in FLOODS}
    told: dict[str, list[int]] = {claim: [] for claim in FLOODS}
    with measured() as platform:
        single = Runner(platform.api_url, PURE)
        floods = {
            claim: Runner(platform.api_url, HEAD + document) for claim, document in FLOODS.items()
        }
        for _ in range(WARM_UP):
            single.run("completed")
        for _ in range(ROUNDS):
            for claim, flooding in floods.items():
                alone += [single.run("completed") for _ in range(SINGLES)]
                crowded[claim] += beside(single, flooding, told[claim])
        ended = {claim: flooding.endings() for claim, flooding in floods.items()}
    base = statistics.median(alone)
    for claim, times in {"alone": alone, **crowded}.items():
        p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[18]
        print(
            f"{claim}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, of {len(times)}; ratio {p50 / base:.2f}"
        )
    for claim, answers in told.items():
        print(
            f"{claim}: {answers.count(202)} of {len(answers)} started, {answers.count(409)} refused"
        )
        print(f"{claim}: {dict(ended[claim])} of its executions")
        record(claim, statistics.median(crowded[claim]), "ms", over="the same alone", baseline=base)


if __name__ == "__main__":
    main()
