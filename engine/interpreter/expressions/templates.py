"""Values of a definition in which strings may be expressions; data that flows in never is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.interpreter.expressions.programs import Program, program, unwrapped


def prepare(value: Any) -> Any:
    """Return the value with every string that is wholly `${ … }` replaced by its program."""
    if isinstance(value, str):
        return program(value) if unwrapped(value) is not None else value
    if isinstance(value, dict):
        return {name: prepare(member) for name, member in value.items()}
    if isinstance(value, list):
        return [prepare(item) for item in value]
    return value


def fill(prepared: Any, evaluate: Callable[[Program], Any]) -> Any:
    """Return the value with every program replaced by what it evaluates to."""
    if isinstance(prepared, Program):
        return evaluate(prepared)
    if isinstance(prepared, dict):
        return {name: fill(member, evaluate) for name, member in prepared.items()}
    if isinstance(prepared, list):
        return [fill(item, evaluate) for item in prepared]
    return prepared
