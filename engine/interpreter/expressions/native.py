"""The programs too plain to need jq: a path, a variable's path, a literal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PATH = re.compile(
    r"(?P<root>\$[A-Za-z_]\w*|(?=\.))(?P<steps>(?:\.[A-Za-z_]\w*|\.?\[\d{1,9}\])*|\.)", re.ASCII
)
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\.?\[(\d+)\]", re.ASCII)
_LITERAL = re.compile(r'true|false|null|-?(?:0|[1-9]\d{0,14})|"[\w ,;:/.@+-]*"', re.ASCII)


class NotPlainError(Exception):
    """The value is not what the path expects: jq words the error, or knows better."""


@dataclass(frozen=True, slots=True)
class Path:
    """A way from the input, or from a variable, to a value inside it."""

    variable: str | None
    steps: tuple[str | int, ...]

    def follow(self, data: Any, variables: Mapping[str, Any]) -> Any:
        """Return the value at the path; null has every member, as in jq.

        :raises NotPlainError: when a step does not fit its value.
        """
        if self.variable is not None:
            if self.variable not in variables:
                raise NotPlainError
            data = variables[self.variable]
        for step in self.steps:
            data = _member(data, step)
        return data


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out."""

    value: Any

    def follow(self, _data: Any, _variables: Mapping[str, Any]) -> Any:
        """Return the value."""
        return self.value


def plain(program: str) -> Path | Literal | None:
    """Return the program in a form that needs no jq, or None."""
    program = program.strip()
    if _LITERAL.fullmatch(program):
        return Literal(json.loads(program))
    match = _PATH.fullmatch(program)
    if match is None:
        return None
    steps = [name or int(index) for name, index in _STEP.findall(match["steps"])]
    return Path(match["root"][1:] or None, tuple(steps))


def _member(value: Any, step: str | int) -> Any:
    if value is None:
        return None
    if isinstance(step, str) and isinstance(value, dict):
        return value.get(step)
    if isinstance(step, int) and isinstance(value, list):
        return value[step] if step < len(value) else None
    raise NotPlainError
