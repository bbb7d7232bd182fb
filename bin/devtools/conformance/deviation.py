"""Deviations of the engine from a scenario."""

from __future__ import annotations

from typing import Any


class DeviationError(Exception):
    """The engine does otherwise than the scenario says."""


def at(value: Any, path: str) -> Any:
    """Return the value at a path of member names with dots between.

    :raises DeviationError: when there is none
    """
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise DeviationError(f"{path} is missing in {value!r}")
        value = value[name]
    return value


def same(what: str, value: Any, reference: Any) -> None:
    """Check that a value equals that of the scenario.

    :raises DeviationError: when it does not
    """
    if value != reference:
        raise DeviationError(f"{what} is {value!r}, not {reference!r}")
