"""Templates: values of a definition whose strings may be expressions; input data never is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.expressions.jq import Program, parse_program, unwrap

LARGE_MEMBERS_MIN = 64  # smaller values cost little to copy


@dataclass(frozen=True, slots=True)
class Constant:
    """Large list or object without programs; `fill` returns the same value each time."""

    value: Any


def prepare(value: Any) -> Any:
    """Return the template of a value: a program replaces each string that is wholly `${ … }`."""
    if isinstance(value, str):
        return parse_program(value) if unwrap(value) is not None else value
    if isinstance(value, dict):
        return {name: prepare(member) for name, member in value.items()}
    if isinstance(value, list):
        return [prepare(item) for item in value]
    return value


def compact(template: Any) -> Any:
    """Return a template for `fill` alone: large parts without programs become a `Constant`."""
    if not isinstance(template, dict | list):
        return template
    if len(template) >= LARGE_MEMBERS_MIN and not _has_program(template):
        return Constant(template)
    if isinstance(template, dict):
        return {name: compact(member) for name, member in template.items()}
    return [compact(item) for item in template]


def fill(template: Any, evaluate: Callable[[Program], Any]) -> Any:
    """Return the value of a template: the result of its evaluation replaces each program."""
    if isinstance(template, Program):
        return evaluate(template)
    if isinstance(template, Constant):
        return template.value
    if isinstance(template, dict):
        return {name: fill(member, evaluate) for name, member in template.items()}
    if isinstance(template, list):
        return [fill(item, evaluate) for item in template]
    return template


def _has_program(template: Any) -> bool:
    if isinstance(template, dict):
        return any(_has_program(member) for member in template.values())
    if isinstance(template, list):
        return any(_has_program(item) for item in template)
    return isinstance(template, Program)
