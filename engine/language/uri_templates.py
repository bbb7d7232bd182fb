"""Addresses with variables in braces: one that names a long text many times is no address."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from engine.language.errors import fault

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
        raise ValueError(
            f"an address may have at most {CHARACTERS_MAX} characters (addressCharacters)"
        )


_TEMPLATED = re.compile(r"\{([A-Za-z_]\w*)\}", re.ASCII)


def expanded(template: str, data: Any) -> str:
    """Expand `{name}` with members of the data (RFC 6570, level 1): unknown names become nothing.

    :raises FaultError: of kind expression, when a member is no scalar, or the text becomes too long.
    """

    def value(name: str) -> str:
        found = data.get(name) if isinstance(data, dict) else None
        return "" if found is None else quote(as_text(found), safe="")

    try:
        return filled(template, _TEMPLATED, value)
    except ValueError as error:
        raise fault("expression", str(error)) from None


def as_text(value: Any) -> str:
    """Return a scalar as it stands in a URL or a header."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise fault("expression", "only text, numbers and booleans fit into an address or a header")
