"""Results as data: a line of JSON for each figure, in the file that `BENCH_RESULTS` names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

VARIABLE = "BENCH_RESULTS"


@dataclass(frozen=True, slots=True)
class Result:
    """Figure beside that of its baseline, which the same run measured."""

    claim: str
    figure: float
    unit: str
    over: str  # the baseline's name
    baseline: float  # in the same unit
    at_most: float | None = None  # the aim: the ratio's upper bound
    at_least: float | None = None  # the aim: the ratio's lower bound
    size: float | None = None  # where a claim is measured at several sizes
    detail: bool = False  # a part of another figure: in the table, but not in the plot

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return a result from its JSON."""
        return cls(**row)

    @property
    def ratio(self) -> float:
        """Return the figure over its baseline."""
        return self.figure / self.baseline

    @property
    def aim(self) -> str:
        """Return the aim as text, or an empty one where there is none."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def meets_aim(self) -> bool | None:
        """Return whether the ratio meets the aim; None where there is no aim."""
        if self.at_most is not None:
            return self.ratio <= self.at_most
        return None if self.at_least is None else self.ratio >= self.at_least


def record(claim: str, figure: float, unit: str, **rest: Any) -> None:
    """Append a result (see `Result`) to the file that BENCH_RESULTS names, where it is set.

    :raises ValueError: when the baseline has no name or is not above 0
    """
    result = Result(claim, figure, unit, **rest)
    if not result.over or result.baseline <= 0:
        raise ValueError(f"{claim}: a figure needs a baseline")
    if path := os.environ.get(VARIABLE):
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


def read(path: Path) -> list[Result]:
    """Return the results in a file."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [Result.of(json.loads(line)) for line in lines]
