"""Values of a definition in which strings may be expressions; data that flows in never is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.expressions.jq import Program, program, unwrapped

LARGE = 64  # members; what is smaller costs little to write out anew


@dataclass(frozen=True, slots=True)
class Constant:
    """A large list or object without programs: given as it stands, the same each time."""

    value: Any


def prepare(value: Any) -> Any:
    """Return the value with every string that is wholly `${ … }` replaced by its program."""
    if isinstance(value, str):
        return program(value) if unwrapped(value) is not None else value
    if isinstance(value, dict):
        return {name: prepare(member) for name, member in value.items()}
    if isinstance(value, list):
        return [prepare(item) for item in value]
    return value


def compact(prepared: Any) -> Any:
    """Return a prepared value, which nobody looks into but `fill`, its large constant parts made one each."""
    if not isinstance(prepared, dict | list):
        return prepared
    if len(prepared) >= LARGE and not _varies(prepared):
        return Constant(prepared)
    if isinstance(prepared, dict):
        return {name: compact(member) for name, member in prepared.items()}
    return [compact(item) for item in prepared]


def fill(prepared: Any, evaluate: Callable[[Program], Any]) -> Any:
    """Return the value with every program replaced by what it evaluates to."""
    if isinstance(prepared, Program):
        return evaluate(prepared)
    if isinstance(prepared, Constant):
        return prepared.value
    if isinstance(prepared, dict):
        return {name: fill(member, evaluate) for name, member in prepared.items()}
    if isinstance(prepared, list):
        return [fill(item, evaluate) for item in prepared]
    return prepared


def _varies(prepared: Any) -> bool:
    if isinstance(prepared, dict):
        return any(_varies(member) for member in prepared.values())
    if isinstance(prepared, list):
        return any(_varies(item) for item in prepared)
    return isinstance(prepared, Program)
