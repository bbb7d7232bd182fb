"""Tables of `docs/operations/scale.md`: what many accounts need, by measurements and assumptions.

They stand between marks in the page; `python -m bench.report` fills them in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.page import number, table
from bench.results import Result

ACCOUNTS = (1_000_000, 10_000_000, 100_000_000)
DAILY_ACTIVE = 0.2  # of all accounts
A_DAY = {  # what an active account does in a day
    "a push": 40.0,
    "a pull of nothing new": 40.0,
    "a pull of 100": 5.0,
    "a refresh": 20.0,
    "a login": 0.1,
    "an execution": 4.0,
}
PEAK = 3.0  # the busiest minutes over the mean of the day
STREAMING = 0.05  # accounts with a live stream open then
USAGE_MAX = 0.5  # of a core, at the peak: the rest is a reserve
DAY_SECONDS = 86_400
# The most that one of each can use, as it is commonly sold; larger loads need several.
UNITS = {"web": 1, "temporal": 1, "relay": 1, "fanout": 1, "channels": 1} | {
    "PostgreSQL": 64,  # cores of one primary
    "Valkey": 1,  # it computes on one thread
    "Temporal": 64,  # cores of one store under its history
}
WAL_BYTES_PER_SECOND = 200e6  # that one primary writes and its replicas receive
MARK = "<!-- bench.scale: {name} -->\n"
END = "<!-- end -->"
MISSING = "Not measured yet: `python -m bench.report` fills this in.\n"
STREAMS = re.compile(r"memory of web with (\d+) streams")


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures that the arithmetic takes from the results."""

    cpu_cost: Mapping[tuple[str, str], float]  # processor seconds of a request, by request and part
    memory: Mapping[str, float]  # bytes of a process, by part
    stream_bytes: float
    push_bytes: float  # in the database
    push_wal: float  # in its write-ahead log

    @classmethod
    def of(cls, runs: Mapping[str, Mapping[str, Any]]) -> Self | None:
        """Return the figures, or nothing when one of the measurements is missing."""
        results = {
            name: {row["claim"]: Result.of(row) for row in run["results"]}
            for name, run in runs.items()
            if not run["exit"]
        }
        if not {"cpu_cost", "memory", "million_pushes", "live_streams"} <= set(results):
            return None
        streams = next(
            (one for claim, one in results["live_streams"].items() if STREAMS.fullmatch(claim)),
            None,
        )
        if streams is None:
            return None
        many = int(STREAMS.sub(r"\1", streams.claim))
        return cls(
            {_split(claim): one.figure / 1e6 for claim, one in results["cpu_cost"].items()},
            {
                _split(claim)[0]: 1e6 * one.figure
                for claim, one in results["memory"].items()
                if "after" in claim
            },
            1e6 * (streams.figure - streams.baseline) / many,
            results["million_pushes"]["database, a push"].figure,
            results["million_pushes"]["written ahead, a push"].figure,
        )

    def cores(self, part: str, accounts: float) -> float:
        """Return how many cores a part needs at the peak of so many accounts."""
        seconds = (rate(what, accounts) * self.cpu_cost.get((what, part), 0.0) for what in A_DAY)
        return sum(seconds) / USAGE_MAX


def rate(what: str, accounts: float) -> float:
    """Return how often a second so many accounts do something at their peak."""
    return accounts * DAILY_ACTIVE * A_DAY[what] * PEAK / DAY_SECONDS


def rewrite(path: Path, runs: Mapping[str, Mapping[str, Any]]) -> None:
    """Fill in the tables of the page.

    :raises ValueError: when the page has no place for one of them
    """
    page, figures = path.read_text(), Figures.of(runs)
    tables = {"assumed": assumptions(), "rates": rates()}
    for name, make in {"cores": cores, "storage": storage, "first": first}.items():
        tables[name] = make(figures) if figures else MISSING
    for name, text in tables.items():
        mark = MARK.format(name=name)
        before, separator, rest = page.partition(mark)
        if not separator or END not in rest:
            raise ValueError(f"{path} has no place for {name}")
        page = f"{before}{mark}{text}{END}{rest.partition(END)[2]}"
    path.write_text(page)


def assumptions() -> str:
    """Return the assumptions about people and machines."""
    rows = [
        ["accounts active in a day", f"{DAILY_ACTIVE:.0%}"],
        *([f"{what}, of an active account", f"{times:g} a day"] for what, times in A_DAY.items()),
        ["busiest minutes over the mean of the day", f"{PEAK:g} times"],
        ["accounts with a live stream open then", f"{STREAMING:.0%}"],
        ["of a core used at the peak", f"{USAGE_MAX:.0%}"],
        ["written ahead by one primary at most", f"{WAL_BYTES_PER_SECOND / 1e6:.0f} MB/s"],
        *(
            [f"cores of one {part} at most", str(cores)]
            for part, cores in UNITS.items()
            if cores > 1
        ),
    ]
    return table(["assumed", "as"], rows)


def rates() -> str:
    """Return how often each thing happens at the peak."""
    rows = [[f"{what}, a second", *(number(rate(what, n)) for n in ACCOUNTS)] for what in A_DAY]
    rows.append(["live streams open", *(number(STREAMING * n) for n in ACCOUNTS)])
    return _by_accounts("at the peak", rows)


def cores(figures: Figures) -> str:
    """Return the cores that each part needs, and the memory of its processes and streams."""
    rows = [
        [f"{part}, cores", *(number(figures.cores(part, n)) for n in ACCOUNTS)] for part in UNITS
    ]
    rows += [
        [f"{part}, GB of memory", *(number(_memory(figures, part, n) / 1e9) for n in ACCOUNTS)]
        for part in UNITS
        if part in figures.memory and UNITS[part] == 1
    ]
    return _by_accounts("needed at the peak", rows)


def storage(figures: Figures) -> str:
    """Return how much is written, and how much of it is stored."""
    yearly = DAILY_ACTIVE * A_DAY["a push"] * 365 * figures.push_bytes
    rows = [
        ["database grows in a year, TB", *(number(n * yearly / 1e12) for n in ACCOUNTS)],
        [
            "written ahead, MB/s",
            *(number(rate("a push", n) * figures.push_wal / 1e6) for n in ACCOUNTS),
        ],
    ]
    return _by_accounts("of pushes of 1 KB", rows)


def first(figures: Figures) -> str:
    """Return how many accounts one of each part serves, the scarcest part first."""
    full = {part: UNITS[part] / (figures.cores(part, 1) or float("inf")) for part in UNITS}
    full = {part: accounts for part, accounts in full.items() if accounts}
    full["writing ahead"] = WAL_BYTES_PER_SECOND / (rate("a push", 1) * figures.push_wal)
    rows = [
        [part, "the disk of one primary" if part not in UNITS else _unit(part), number(accounts)]
        for part, accounts in sorted(full.items(), key=lambda pair: pair[1])
    ]
    return table(["part", "one is", "accounts that it serves"], rows)


def _unit(part: str) -> str:
    cores = UNITS[part]
    return "a process on a core" if cores == 1 else f"a machine of {cores} cores"


def _memory(figures: Figures, part: str, accounts: float) -> float:
    streams = STREAMING * accounts * figures.stream_bytes if part == "web" else 0.0
    return max(1.0, figures.cores(part, accounts)) * figures.memory[part] + streams


def _split(claim: str) -> tuple[str, str]:
    what, _, part = claim.rpartition(", ")
    return what, part


def _by_accounts(first_column: str, rows: Sequence[Sequence[str]]) -> str:
    return table([first_column, *(f"{n / 1e6:.0f} M accounts" for n in ACCOUNTS)], rows)
