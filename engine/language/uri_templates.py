"""URI templates: variables in braces, and a limit on the length of the result."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from engine.language.errors import fault

CHARACTERS_MAX = 65_536


def fill_template(template: str, variable: re.Pattern[str], value: Callable[[str], str]) -> str:
    """Return a template with its variables replaced; the values are not searched for variables.

    :param variable: matches a variable; its first group is the name.
    :param value: returns the value of a name.
    :raises ValueError: when the result is longer than CHARACTERS_MAX.
    """
    rest = CHARACTERS_MAX - len(template)

    def replacement(match: re.Match[str]) -> str:
        nonlocal rest
        text = value(match[1])
        rest -= len(text)
        _check_rest(rest)
        return text

    _check_rest(rest)
    return variable.sub(replacement, template)


def _check_rest(rest: int) -> None:
    if rest < 0:
        raise ValueError(
            f"an address may have at most {CHARACTERS_MAX} characters (addressCharacters)"
        )


_VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}", re.ASCII)


def expand(template: str, data: Any) -> str:
    """Expand `{name}` with members of the data (RFC 6570, level 1); unknown names become empty.

    :raises FaultError: of kind expression, when a member is no scalar, or the result is too long.
    """

    def value(name: str) -> str:
        member = data.get(name) if isinstance(data, dict) else None
        return "" if member is None else quote(to_text(member), safe="")

    try:
        return fill_template(template, _VARIABLE, value)
    except ValueError as error:
        raise fault("expression", str(error)) from None


def to_text(value: Any) -> str:
    """Return a scalar as text for a URL or a header.

    :raises FaultError: of kind expression, when it is no scalar.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise fault("expression", "only text, numbers and booleans fit into an address or a header")
