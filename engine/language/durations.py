"""Durations of the language: ISO 8601 text, or an object of whole units."""

from __future__ import annotations

import math
import re
from typing import Any

UNITS = {"days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "seconds": 1.0, "milliseconds": 0.001}
# A year has 365 days and a month 30, as Temporal's own durations.
_DESIGNATORS = {
    "Y": 31_536_000.0,
    "Mo": 2_592_000.0,
    "W": 604_800.0,
    "D": 86_400.0,
    "H": 3_600.0,
    "M": 60.0,
    "S": 1.0,
}
SECONDS_MAX = 100 * 31_536_000.0  # far below the limit of a timer
_NUMBER = r"(\d+(?:\.\d+)?)"
_ISO = re.compile(
    rf"P(?!$)(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.ASCII,
)


def to_seconds(value: Any) -> float:
    """Return a duration's length in seconds.

    :raises ValueError: when it is no duration (ISO 8601 section 5.5.2, or the language's object
        form), or is longer than a hundred years.
    """
    seconds = _parse_text(value) if isinstance(value, str) else _sum_units(value)
    if seconds > SECONDS_MAX:
        raise ValueError("must not be longer than a hundred years")
    return seconds


def _parse_text(value: str) -> float:
    match = _ISO.fullmatch(value)
    if match is None:
        raise ValueError("must be an ISO 8601 duration such as PT15M")
    amounts = zip(match.groups(), _DESIGNATORS.values(), strict=True)
    return sum(float(amount) * unit for amount, unit in amounts if amount)


def _sum_units(value: Any) -> float:
    if not isinstance(value, dict) or not value or not value.keys() <= UNITS.keys():
        raise ValueError(f"must be an ISO 8601 duration or an object of {', '.join(UNITS)}")
    for amount in value.values():
        if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
            raise ValueError("must count whole units")
    try:
        return float(sum(amount * UNITS[unit] for unit, amount in value.items()))
    except OverflowError:
        return math.inf
