"""The measurement of one attack: its neighbours alone, then beside it, on a platform of its own."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from bench.attacks.assault import run_attack
from bench.attacks.attacker import Attack, Target
from bench.attacks.neighbours import FAILURE_SECONDS, Sample, Samples, run_neighbours
from bench.platform import run_platform
from bench.process_usage import CpuMeter, family
from bench.quick_mode import full_or_quick

ALONE_SECONDS = full_or_quick(20.0, 1.0)  # fifty executions
BESIDE_SECONDS = full_or_quick(24.0, 1.0)  # sixty, and those that have not ended wait on
WARM_UP = full_or_quick(12, 2)
EXECUTION_RATIO_MAX, READ_RATIO_MAX = 3.0, 5.0
MEMORY_SECONDS = 1.0  # between two readings, each of which looks at all processes here
GROWING = ("web", "temporal")  # processes whose memory a stranger's bytes may fill
MEBIBYTE = 1_048_576
# The limits are the documented ones; definitions may call servers on this machine.
SETTINGS = {"EGRESS_ALLOW": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class Usage:
    """What the platform's processes used for an attack: processor seconds, and memory."""

    web_seconds: float
    worker_seconds: float  # of all processes but web
    memory_bytes: int  # by which web or the Temporal worker grew, whichever grew more


@dataclass(frozen=True, slots=True)
class Outcome:
    """Measurement of one attack."""

    name: str
    requests: int
    usage: Usage
    alone: Samples
    beside: Samples

    @property
    def execution_ratio(self) -> float:
        """The p95 of a neighbour's execution beside the attack over that alone."""
        return p95(self.beside.executions) / p95(self.alone.executions)

    @property
    def call_ratio(self) -> float:
        """The p95 of a neighbour's call beside the attack over that alone."""
        return p95(self.beside.calls) / p95(self.alone.calls)

    @property
    def read_ratio(self) -> float:
        """The p95 of a neighbour's read beside the attack over that alone."""
        return p95(self.beside.reads) / p95(self.alone.reads)

    @property
    def meets_aims(self) -> bool:
        """Whether the neighbours were served as they may expect, alone as well."""
        return (
            not self.alone.failures
            and not self.beside.failures
            and max(self.execution_ratio, self.call_ratio) <= EXECUTION_RATIO_MAX
            and self.read_ratio <= READ_RATIO_MAX
        )


def p95(samples: Sequence[Sample]) -> float:
    """Return the 95th percentile of the seconds."""
    seconds = [sample.seconds for sample in samples]
    return statistics.quantiles(seconds, n=20, method="inclusive")[18]


def measure(name: str, attack: Attack) -> Outcome:
    """Measure one attack on a platform of its own: what it leaves behind disturbs no other."""
    with (
        run_platform(settings=SETTINGS) as platform,
        run_neighbours(platform.api_url) as neighbours,
    ):
        neighbours.warm_up(WARM_UP)
        processes = {
            part: psutil.Process(server.process.pid) for part, server in platform.servers.items()
        }
        meter, began = CpuMeter(processes), time.monotonic()
        alone = neighbours.sample(ALONE_SECONDS)
        share = BESIDE_SECONDS / (time.monotonic() - began)
        own_seconds = {part: share * seconds for part, seconds in meter.seconds().items()}
        meter, target = CpuMeter(processes), Target(platform.api_url, neighbours.email)
        with (
            watching_memory({part: processes[part] for part in GROWING}) as growth,
            run_attack(attack, target) as assault,
        ):
            beside = neighbours.sample(BESIDE_SECONDS)
        used = {part: max(0.0, s - own_seconds[part]) for part, s in meter.seconds().items()}
        workers = sum(seconds for part, seconds in used.items() if part != "web")
        usage = Usage(used["web"], workers, max(growth.values()))
        return Outcome(name, assault.requests, usage, alone, beside)


@contextmanager
def watching_memory(processes: Mapping[str, psutil.Process]) -> Iterator[dict[str, int]]:
    """Yield by how many bytes each process, with its children, has grown at most in the block."""
    before = {part: resident_bytes(process) for part, process in processes.items()}
    growth, stop = dict.fromkeys(processes, 0), threading.Event()

    def watch() -> None:
        while not stop.wait(MEMORY_SECONDS):
            for part, process in processes.items():
                growth[part] = max(growth[part], resident_bytes(process) - before[part])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield growth
    finally:
        stop.set()
        thread.join()


def resident_bytes(process: psutil.Process) -> int:
    """Return the resident memory of a process and its children; 0 when it has ended."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for one in family(process):
            total += one.memory_info().rss
    return total


def row(outcome: Outcome) -> list[str]:
    """Return an outcome's row of the table; see COLUMNS."""
    alone, beside = outcome.alone, outcome.beside
    executions = [*beside.executions, *beside.calls]
    stalls = sum(sample.seconds >= FAILURE_SECONDS for sample in executions)
    return [
        outcome.name,
        str(outcome.requests),
        f"{outcome.usage.web_seconds:.1f}",
        f"{outcome.usage.worker_seconds:.1f}",
        f"{outcome.usage.memory_bytes / MEBIBYTE:,.0f}",
        _compare(alone.executions, beside.executions, outcome.execution_ratio),
        _compare(alone.calls, beside.calls, outcome.call_ratio),
        f"{stalls} of {len(executions)}",
        _compare(alone.reads, beside.reads, outcome.read_ratio),
        "yes" if outcome.meets_aims else "**no**",
    ]


COLUMNS = (
    "attack",
    "requests",
    "web, s",
    "workers, s",
    "memory, MiB",
    f"execution p95, ms (≤ {EXECUTION_RATIO_MAX:g} times)",
    f"call p95, ms (≤ {EXECUTION_RATIO_MAX:g} times)",
    f"not completed in {FAILURE_SECONDS:.0f} s",
    f"GET /api/auth/me p95, ms (≤ {READ_RATIO_MAX:g} times)",
    "met",
)


def _compare(alone: Sequence[Sample], beside: Sequence[Sample], ratio: float) -> str:
    return f"{1000 * p95(alone):,.0f} → {1000 * p95(beside):,.0f} ({ratio:.1f})"
