"""Addresses with variables in braces: one that names a long text many times is no address."""

from __future__ import annotations

import re
from collections.abc import Callable

CHARACTERS_MAX = 65_536


def filled(template: str, variable: re.Pattern[str], value: Callable[[str], str]) -> str:
    """Return a template with what the variables stand for, which is not looked at for variables again.

    :param variable: matches one; its first group is the name.
    :raises ValueError: when it becomes longer than CHARACTERS_MAX.
    """
    rest = CHARACTERS_MAX - len(template)

    def one(match: re.Match[str]) -> str:
        nonlocal rest
        found = value(match[1])
        rest -= len(found)
        _bound(rest)
        return found

    _bound(rest)
    return variable.sub(one, template)


def _bound(rest: int) -> None:
    if rest < 0:
        raise ValueError(f"an address may have at most {CHARACTERS_MAX} characters (addressCharacters)")
