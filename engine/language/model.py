"""A definition as the interpreter walks it: parsed once, complete, frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.expressions.jq import Program
from engine.language.schedule import Schedule

CONTINUE, EXIT, END = "continue", "exit", "end"


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a step gives, and where it says the flow goes next."""

    output: Any
    then: str | None = None
    authorization: dict[str, Any] | None = (
        None  # with which the step's call was made: scheme, parameter
    )


@dataclass(frozen=True, slots=True)
class Transform:
    """A transformation and the JSON Schema its value must match; for input, the schema sees the raw value."""

    template: Any = None  # a program, or a value with programs in it; None is identity
    schema: dict[str, Any] | object | None = (
        None  # the schema, or what fetches it while a definition runs
    )


@dataclass(frozen=True, slots=True)
class Task:
    """One named node of a definition and what surrounds its work."""

    name: str
    pointer: str
    place: str  # the pointer without the steps' names, which are the user's own: ids are never encrypted
    source: dict[str, Any]
    construct: object  # what the reader of its construct made; the runtime runs it
    kind: str = ""  # the member that says what it does
    condition: Program | None = None
    input: Transform = Transform()
    output: Transform = Transform()
    export: Transform = Transform()
    then: str | None = None
    timeout: Any = None  # seconds, or a program


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole workflow."""

    name: str
    tasks: Sequence[Task]
    source: dict[str, Any]
    input: Transform = Transform()
    output: Transform = Transform()
    timeout: Any = None
    schedule: Schedule | None = None
