"""The programs too plain to need jq: a path, a variable's path, a literal, one operator between two."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_PATH = re.compile(
    r"(?P<root>\$[A-Za-z_]\w*|(?=\.))(?P<steps>(?:\.[A-Za-z_]\w*|\.?\[\d{1,9}\])*|\.)", re.ASCII
)
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\.?\[(\d+)\]", re.ASCII)
_LITERAL = re.compile(r'true|false|null|-?(?:0|[1-9]\d{0,14})|"[\w ,;:/.@+-]*"', re.ASCII)

_OPERAND = r'"[^"]*"|[^\s"]+'
_OPERATION = re.compile(rf"({_OPERAND})\s+(==|!=|<=|>=|[<>*+-])\s+({_OPERAND})", re.ASCII)
_EQUAL = {"==": operator.eq, "!=": operator.ne}
_ORDERED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_COUNTED = {"+": operator.add, "-": operator.sub, "*": operator.mul}
EXACT_MAX = 2**53  # jq counts in doubles: of integers up to this all are exact (IEEE 754, binary64)


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


@dataclass(frozen=True, slots=True)
class Operation:
    """One operator between two values, where jq and Python agree on what it gives."""

    left: Path | Literal
    symbol: str
    right: Path | Literal

    def follow(self, data: Any, variables: Mapping[str, Any]) -> Any:
        """Return what it gives.

        :raises NotPlainError: when the two values are others than it is done on here.
        """
        left, right = self.left.follow(data, variables), self.right.follow(data, variables)
        if self.symbol in _EQUAL:
            alike = _kind(left) == _kind(right)
            return _EQUAL[self.symbol](left if alike else 0, right if alike else 1)
        kinds = {_kind(left), _kind(right)}
        if self.symbol in _ORDERED and kinds == {float}:
            return _ORDERED[self.symbol](left, right)
        if self.symbol == "+" and kinds == {str}:
            return left + right
        return _counted(_COUNTED.get(self.symbol), left, right)


Plain = Path | Literal | Operation


def plain(program: str) -> Plain | None:
    """Return the program in a form that needs no jq, or None."""
    program = program.strip()
    match = _OPERATION.fullmatch(program)
    if match is None:
        return _operand(program)
    left, right = _operand(match[1]), _operand(match[3])
    return None if left is None or right is None else Operation(left, match[2], right)


def _operand(program: str) -> Path | Literal | None:
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


def _kind(value: Any) -> type:
    """Return which of JSON's kinds a value is of; numbers are `float`.

    :raises NotPlainError: when it is a list, an object, or a number that jq may round.
    """
    if value is None or isinstance(value, bool | str):
        return type(value)
    if isinstance(value, float) or (isinstance(value, int) and abs(value) <= EXACT_MAX):
        return float
    raise NotPlainError


def _counted(count: Callable[[int, int], int] | None, left: Any, right: Any) -> int:
    """Return what counting gives, of integers alone: jq writes other numbers its own way.

    :raises NotPlainError: when one of them is none, or the result not exact.
    """
    if count is None or type(left) is not int or type(right) is not int:
        raise NotPlainError
    result = count(left, right)
    if abs(result) > EXACT_MAX:
        raise NotPlainError
    return result
