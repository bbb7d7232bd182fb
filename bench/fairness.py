"""What one account's flood costs another: `python -m bench.fairness`.

One account starts 200 executions as fast as it may and waits for none. Another executes single
ones, one after the other. There are three floods: loops of fifty small programs, programs that burn
their budget, and a hundred thousand numbers that pass through a hundred steps. Prints the latency
beside each flood and alone, by turns, the ratios, and how the flood's own executions ended.
`python -m bench.attacks` measures the same beside attacks within the documented limits.
"""

from __future__ import annotations

import secrets
import statistics
import threading

from bench.bombs import BOMBS, HEAD, PURE, Runner
from bench.platform import run_platform
from bench.quick_mode import full_or_quick
from bench.results import record

FLOOD = full_or_quick(200, 10)
ROUNDS = full_or_quick(3, 1)
SINGLES = full_or_quick(30, 5)  # a round, alone
WARM_UP = full_or_quick(20, 2)
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


def flood(runner: Runner, statuses: list[int]) -> None:
    """Start the flood, and append the status of each answer.

    Each execution has another input than all others, because jq's answers are cached.
    """
    first = secrets.randbits(40)
    statuses += [runner.start(first + 1_000 * n) for n in range(FLOOD)]


def beside(single: Runner, flooding: Runner, statuses: list[int]) -> list[float]:
    """Return the milliseconds of single executions while the other account's flood begins.

    Later the step quota delays the other account's executions, so they disturb no other account.
    """
    times = list[float]()
    thread = threading.Thread(target=flood, args=(flooding, statuses))
    thread.start()
    while thread.is_alive() or len(times) < SINGLES:
        times.append(single.run("completed"))
    thread.join()
    flooding.until_idle()
    return times


def main() -> None:
    """Measure and print."""
    alone = list[float]()
    times_by_claim: dict[str, list[float]] = {claim: [] for claim in FLOODS}
    statuses_by_claim: dict[str, list[int]] = {claim: [] for claim in FLOODS}
    with run_platform() as platform:
        single = Runner(platform.api_url, PURE)
        floods = {
            claim: Runner(platform.api_url, HEAD + document) for claim, document in FLOODS.items()
        }
        for _ in range(WARM_UP):
            single.run("completed")
        for _ in range(ROUNDS):
            for claim, flooding in floods.items():
                alone += [single.run("completed") for _ in range(SINGLES)]
                times_by_claim[claim] += beside(single, flooding, statuses_by_claim[claim])
        counts_by_claim = {claim: flooding.endings() for claim, flooding in floods.items()}
    base = statistics.median(alone)
    for claim, times in {"alone": alone, **times_by_claim}.items():
        p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[18]
        print(
            f"{claim}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, of {len(times)}; ratio {p50 / base:.2f}"
        )
    for claim, answers in statuses_by_claim.items():
        print(
            f"{claim}: {answers.count(202)} of {len(answers)} started, {answers.count(409)} refused"
        )
        print(f"{claim}: {dict(counts_by_claim[claim])} of its executions")
        record(
            claim,
            statistics.median(times_by_claim[claim]),
            "ms",
            over="the same alone",
            baseline=base,
        )


if __name__ == "__main__":
    main()
