"""Evaluation without jq of simple programs: paths, literals, and one operator between two."""

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
_COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
EXACT_MAX = 2**53  # jq computes in doubles, exact for integers up to this (IEEE 754, binary64)


class SlowPathError(Exception):
    """The values need jq: it either computes the result or words the error."""


@dataclass(frozen=True, slots=True)
class Path:
    """Path from the input, or from a variable, to a value inside it."""

    variable: str | None
    steps: tuple[str | int, ...]

    def evaluate(self, data: Any, variables: Mapping[str, Any]) -> Any:
        """Return the value at the path; null has every member, as in jq.

        :raises SlowPathError: when a value on the path has no such member or item.
        """
        if self.variable is not None:
            if self.variable not in variables:
                raise SlowPathError
            data = variables[self.variable]
        for step in self.steps:
            data = _member(data, step)
        return data


@dataclass(frozen=True, slots=True)
class Literal:
    """Literal value."""

    value: Any

    def evaluate(self, _data: Any, _variables: Mapping[str, Any]) -> Any:
        """Return the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class BinaryOperation:
    """Operator between two values, where jq and Python agree on the result."""

    first: Path | Literal
    symbol: str
    second: Path | Literal

    def evaluate(self, data: Any, variables: Mapping[str, Any]) -> Any:
        """Return the result.

        :raises SlowPathError: when Python and jq may differ on the two values.
        """
        first, second = self.first.evaluate(data, variables), self.second.evaluate(data, variables)
        if self.symbol in _EQUAL:
            same_type = _json_type(first) == _json_type(second)
            return _EQUAL[self.symbol](first if same_type else 0, second if same_type else 1)
        types = {_json_type(first), _json_type(second)}
        if self.symbol in _COMPARISONS and types == {float}:
            return _COMPARISONS[self.symbol](first, second)
        if self.symbol == "+" and types == {str}:
            return first + second
        return _compute(_ARITHMETIC.get(self.symbol), first, second)


FastPath = Path | Literal | BinaryOperation


def parse(program: str) -> FastPath | None:
    """Return the fast path of a program, or None when it needs jq."""
    program = program.strip()
    match = _OPERATION.fullmatch(program)
    if match is None:
        return _parse_operand(program)
    first, second = _parse_operand(match[1]), _parse_operand(match[3])
    return None if first is None or second is None else BinaryOperation(first, match[2], second)


def _parse_operand(program: str) -> Path | Literal | None:
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
    raise SlowPathError


def _json_type(value: Any) -> type:
    """Return the JSON type of a value; that of numbers is `float`.

    :raises SlowPathError: for a list, an object, or a number that jq may round.
    """
    if value is None or isinstance(value, bool | str):
        return type(value)
    if isinstance(value, float) or (isinstance(value, int) and abs(value) <= EXACT_MAX):
        return float
    raise SlowPathError


def _compute(operation: Callable[[int, int], int] | None, first: Any, second: Any) -> int:
    """Return the result of arithmetic on integers; jq writes other numbers in its own way.

    :raises SlowPathError: when an operand is no integer, or the result is not exact.
    """
    if operation is None or type(first) is not int or type(second) is not int:
        raise SlowPathError
    result = operation(first, second)
    if abs(result) > EXACT_MAX:
        raise SlowPathError
    return result
