"""What was measured, as data: a line of JSON for each figure, in the file that `BENCH_RESULTS` names."""

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
    """A figure beside that of its baseline, which was measured in the same run."""

    claim: str
    figure: float
    unit: str
    over: str  # the baseline's name
    baseline: float  # in the same unit
    at_most: float | None = None  # the aim: what the ratio must not exceed
    at_least: float | None = None  # the aim: what the ratio must reach
    size: float | None = None  # of what grows, where a claim is measured at several sizes
    detail: bool = False  # a part of another figure: told, but not drawn

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Return a result from its JSON."""
        return cls(**told)

    @property
    def ratio(self) -> float:
        """Return the figure over its baseline."""
        return self.figure / self.baseline

    @property
    def aim(self) -> str:
        """Return the aim as it is written, or nothing where none has been set."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def met(self) -> bool | None:
        """Tell whether the aim is met, where there is one."""
        if self.at_most is not None:
            return self.ratio <= self.at_most
        return None if self.at_least is None else self.ratio >= self.at_least


def record(claim: str, figure: float, unit: str, **rest: Any) -> None:
    """Append a result (see `Result`) to the record, when there is one to be kept.

    :raises ValueError: when the baseline is nothing that one could be measured by.
    """
    result = Result(claim, figure, unit, **rest)
    if not result.over or result.baseline <= 0:
        raise ValueError(f"{claim}: a figure needs a baseline")
    if path := os.environ.get(VARIABLE):
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


def read(path: Path) -> list[Result]:
    """Return what was recorded in a file."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [Result.of(json.loads(line)) for line in lines]
