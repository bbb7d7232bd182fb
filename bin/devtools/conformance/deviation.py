"""Where the engine does otherwise than a scenario says."""

from __future__ import annotations

from typing import Any


class DeviationError(Exception):
    """Where the engine does otherwise than the scenario says."""


def at(value: Any, path: str) -> Any:
    """Return what stands at a path of names, a dot between.

    :raises DeviationError: when there is nothing.
    """
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise DeviationError(f"{path} is missing in {value!r}")
        value = value[name]
    return value


def same(what: str, found: Any, wanted: Any) -> None:
    """Let through what is as it should be.

    :raises DeviationError: when it is not.
    """
    if found != wanted:
        raise DeviationError(f"{what} is {found!r}, not {wanted!r}")
