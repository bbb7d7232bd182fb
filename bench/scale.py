"""Tables of `docs/operations/scale.md`: what many accounts need, from measurements and assumptions.

They stand between marks in the page, which `python -m bench.report` fills anew.
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
USED = 0.5  # of a core, at the peak: the rest is for what nobody foresaw
DAY_SECONDS = 86_400
# What one of each can be at most, as they are commonly had; past it there have to be several.
UNITS = {"web": 1, "temporal": 1, "relay": 1, "fanout": 1, "channels": 1} | {
    "PostgreSQL": 64,  # cores of one primary
    "Valkey": 1,  # it computes on one thread
    "Temporal": 64,  # cores of one store under its history
}
WAL_BYTES_PER_SECOND = 200e6  # that one primary writes, and its replicas take
MARK = "<!-- bench.scale: {name} -->\n"
END = "<!-- end -->"
MISSING = "Not measured yet: `python -m bench.report` fills this in.\n"
STREAMS = re.compile(r"memory of web with (\d+) streams")


@dataclass(frozen=True, slots=True)
class Measured:
    """What the arithmetic takes from the record."""

    toll: Mapping[tuple[str, str], float]  # processor seconds of a request, by request and part
    held: Mapping[str, float]  # bytes of a process, by part
    stream_bytes: float
    push_bytes: float  # in the database
    push_ahead: float  # written ahead

    @classmethod
    def of(cls, runs: Mapping[str, Mapping[str, Any]]) -> Self | None:
        """Return the figures, or nothing when one of the measurements is missing."""
        found = {
            name: {told["claim"]: Result.of(told) for told in run["results"]}
            for name, run in runs.items()
            if not run["exit"]
        }
        if not {"toll", "memory", "million", "live"} <= set(found):
            return None
        streams = next(
            (one for claim, one in found["live"].items() if STREAMS.fullmatch(claim)), None
        )
        if streams is None:
            return None
        many = int(STREAMS.sub(r"\1", streams.claim))
        return cls(
            {_split(claim): one.figure / 1e6 for claim, one in found["toll"].items()},
            {
                _split(claim)[0]: 1e6 * one.figure
                for claim, one in found["memory"].items()
                if "after" in claim
            },
            1e6 * (streams.figure - streams.baseline) / many,
            found["million"]["database, a push"].figure,
            found["million"]["written ahead, a push"].figure,
        )

    def cores(self, part: str, accounts: float) -> float:
        """Return how many cores a part needs at the peak of so many accounts."""
        spent = (rate(what, accounts) * self.toll.get((what, part), 0.0) for what in A_DAY)
        return sum(spent) / USED


def rate(what: str, accounts: float) -> float:
    """Return how often a second so many accounts do something at their peak."""
    return accounts * DAILY_ACTIVE * A_DAY[what] * PEAK / DAY_SECONDS


def rewrite(path: Path, runs: Mapping[str, Mapping[str, Any]]) -> None:
    """Fill in the page's tables."""
    page, known = path.read_text(), Measured.of(runs)
    tables = {"assumed": assumed(), "rates": rates()}
    for name, made in {"cores": cores, "storage": storage, "first": first}.items():
        tables[name] = made(known) if known else MISSING
    for name, text in tables.items():
        mark = MARK.format(name=name)
        before, found, rest = page.partition(mark)
        if not found or END not in rest:
            raise ValueError(f"{path} has no place for {name}")
        page = f"{before}{mark}{text}{END}{rest.partition(END)[2]}"
    path.write_text(page)


def assumed() -> str:
    """Return what is assumed of people and machines."""
    rows = [
        ["accounts active in a day", f"{DAILY_ACTIVE:.0%}"],
        *([f"{what}, of an active account", f"{times:g} a day"] for what, times in A_DAY.items()),
        ["busiest minutes over the mean of the day", f"{PEAK:g} times"],
        ["accounts with a live stream open then", f"{STREAMING:.0%}"],
        ["of a core used at the peak", f"{USED:.0%}"],
        ["written ahead by one primary at most", f"{WAL_BYTES_PER_SECOND / 1e6:.0f} MB/s"],
        *(
            [f"cores of one {part} at most", str(cores)]
            for part, cores in UNITS.items()
            if cores > 1
        ),
    ]
    return table(["assumed", "as"], rows)


def rates() -> str:
    """Return how often what is done at the peak."""
    rows = [[f"{what}, a second", *(number(rate(what, n)) for n in ACCOUNTS)] for what in A_DAY]
    rows.append(["live streams open", *(number(STREAMING * n) for n in ACCOUNTS)])
    return _by_accounts("at the peak", rows)


def cores(known: Measured) -> str:
    """Return what each part needs: cores, and the memory of as many processes and of the streams."""
    rows = [[f"{part}, cores", *(number(known.cores(part, n)) for n in ACCOUNTS)] for part in UNITS]
    rows += [
        [f"{part}, GB of memory", *(number(_held(known, part, n) / 1e9) for n in ACCOUNTS)]
        for part in UNITS
        if part in known.held and UNITS[part] == 1
    ]
    return _by_accounts("needed at the peak", rows)


def storage(known: Measured) -> str:
    """Return what is written and kept."""
    yearly = DAILY_ACTIVE * A_DAY["a push"] * 365 * known.push_bytes
    rows = [
        ["database grows in a year, TB", *(number(n * yearly / 1e12) for n in ACCOUNTS)],
        [
            "written ahead, MB/s",
            *(number(rate("a push", n) * known.push_ahead / 1e6) for n in ACCOUNTS),
        ],
    ]
    return _by_accounts("of pushes of 1 KB", rows)


def first(known: Measured) -> str:
    """Return how many accounts one of each serves, what gives first on top."""
    full = {part: UNITS[part] / (known.cores(part, 1) or float("inf")) for part in UNITS}
    full = {part: accounts for part, accounts in full.items() if accounts}
    full["writing ahead"] = WAL_BYTES_PER_SECOND / (rate("a push", 1) * known.push_ahead)
    rows = [
        [part, "the disk of one primary" if part not in UNITS else _unit(part), number(accounts)]
        for part, accounts in sorted(full.items(), key=lambda pair: pair[1])
    ]
    return table(["part", "one is", "accounts that it serves"], rows)


def _unit(part: str) -> str:
    cores = UNITS[part]
    return "a process on a core" if cores == 1 else f"a machine of {cores} cores"


def _held(known: Measured, part: str, accounts: float) -> float:
    streams = STREAMING * accounts * known.stream_bytes if part == "web" else 0.0
    return max(1.0, known.cores(part, accounts)) * known.held[part] + streams


def _split(claim: str) -> tuple[str, str]:
    what, _, part = claim.rpartition(", ")
    return what, part


def _by_accounts(first_column: str, rows: Sequence[Sequence[str]]) -> str:
    return table([first_column, *(f"{n / 1e6:.0f} M accounts" for n in ACCOUNTS)], rows)
