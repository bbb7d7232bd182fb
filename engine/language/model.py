"""Model of a definition: parsed once, complete, frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.expressions.jq import Program
from engine.language.schedule import ScheduleTriggers

CONTINUE, EXIT, END = "continue", "exit", "end"


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Output of a task, and where its construct directs the flow."""

    output: Any
    then: str | None = None
    authorization: dict[str, Any] | None = None  # of the task's call: scheme, parameter


@dataclass(frozen=True, slots=True)
class Transform:
    """Transformation of a value and its JSON Schema; for input, the schema is for the raw value."""

    template: Any = None  # a program, or a value that contains programs; None is identity
    # The schema, or the runtime's RemoteSchema, which fetches it while a definition runs.
    schema: dict[str, Any] | object | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Task of a definition, with its name and what surrounds its work."""

    name: str
    pointer: str
    # The pointer without the tasks' names, which are the user's: Temporal does not encrypt ids.
    place: str
    source: dict[str, Any]
    construct: object  # the runtime's Construct, which the construct's reader created
    kind: str = ""  # the member that names its construct
    condition: Program | None = None
    input: Transform = Transform()
    output: Transform = Transform()
    export: Transform = Transform()
    then: str | None = None
    timeout: Any = None  # seconds, or a program


@dataclass(frozen=True, slots=True)
class WorkflowDefinition:
    """Definition of a workflow."""

    name: str
    tasks: Sequence[Task]
    source: dict[str, Any]
    input: Transform = Transform()
    output: Transform = Transform()
    timeout: Any = None
    schedule: ScheduleTriggers | None = None
