"""Durations of the specification: ISO 8601 text, or an object of whole units."""

from __future__ import annotations

import math
import re
from typing import Any

UNITS = {"days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "seconds": 1.0, "milliseconds": 0.001}
# A year and a month are counted as Temporal's own calendar-free durations: 365 and 30 days.
_DESIGNATORS = {
    "Y": 31_536_000.0,
    "Mo": 2_592_000.0,
    "W": 604_800.0,
    "D": 86_400.0,
    "H": 3_600.0,
    "M": 60.0,
    "S": 1.0,
}
SECONDS_MAX = 100 * 31_536_000.0  # what nobody lives to see, and far within what a timer counts
_NUMBER = r"(\d+(?:\.\d+)?)"
_ISO = re.compile(
    rf"P(?!$)(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.ASCII,
)


def seconds(value: Any) -> float:
    """Return a duration's length in seconds.

    :raises ValueError: when it is no duration (ISO 8601 section 5.5.2, or the specification's object form),
        or one of more than a hundred years.
    """
    found = _of_text(value) if isinstance(value, str) else _of_units(value)
    if found > SECONDS_MAX:
        raise ValueError("must not be longer than a hundred years")
    return found


def _of_text(value: str) -> float:
    match = _ISO.fullmatch(value)
    if match is None:
        raise ValueError("must be an ISO 8601 duration such as PT15M")
    amounts = zip(match.groups(), _DESIGNATORS.values(), strict=True)
    return sum(float(amount) * unit for amount, unit in amounts if amount)


def _of_units(value: Any) -> float:
    if not isinstance(value, dict) or not value or not value.keys() <= UNITS.keys():
        raise ValueError(f"must be an ISO 8601 duration or an object of {', '.join(UNITS)}")
    for amount in value.values():
        if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
            raise ValueError("must count whole units")
    try:
        return float(sum(amount * UNITS[unit] for unit, amount in value.items()))
    except OverflowError:
        return math.inf
