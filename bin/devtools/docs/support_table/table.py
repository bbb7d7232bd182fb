"""Support table: every construct of the language, checked by the parser of definitions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bin.devtools.docs.support_table.calls import AUTHENTICATIONS, CALLS
from bin.devtools.docs.support_table.construct import Construct
from bin.devtools.docs.support_table.document import DOCUMENT, REUSABLE, SCHEDULES
from bin.devtools.docs.support_table.tasks import AROUND, STEPS
from engine.errors import InvalidError
from engine.expressions.sandbox import worker
from engine.interpreter import documents
from engine.interpreter.constructs import (
    call_function,
    call_http,
    for_task,
    fork_task,
    run_task,
    wait_task,
)
from engine.interpreter.runtime import budget
from engine.language import document_node, json_and_yaml, size_limits, uri_templates

SPECIFICATION = "1.0.3"
CONSTRUCTS = [*DOCUMENT, *STEPS, *CALLS, *AUTHENTICATIONS, *AROUND, *REUSABLE, *SCHEDULES]

_VARIABLES = {
    "context": "what steps exported",
    "input": "the step's transformed input",
    "output": "the step's output, in export",
    "task": "name, reference, definition, input, output and startedAt of the step",
    "workflow": "id, definition, input and startedAt of the execution",
    "runtime": "name, version and metadata of the engine",
    "secrets": "the account's secrets that use.secrets names",
    "authorization": "the authorization a call resolved",
}


@dataclass(frozen=True, slots=True)
class Row:
    """Row of the table: a construct with its supported part, or the reason of its refusal."""

    group: str
    name: str
    supported: bool
    covers: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """Limit of definitions or executions."""

    name: str
    value: int
    unit: str


@cache
def rows() -> tuple[Row, ...]:
    """Return every construct, in the order of the specification's reference."""
    return (*map(_to_row, CONSTRUCTS), *_variables())


def limits() -> tuple[Limit, ...]:
    """Return the limits that are the same for every account."""
    return (
        Limit("definition", json_and_yaml.TEXT_CHARACTERS_MAX, "characters"),
        Limit("definition in YAML", int(worker.DOCUMENT.cpu_seconds), "seconds to read it"),
        Limit("nesting", json_and_yaml.DEPTH_MAX, "levels"),
        Limit("steps", document_node.TASKS_MAX, "steps in a definition"),
        Limit("nested steps", size_limits.NESTED_MAX, "in one another, functions included"),
        Limit("steps walked", budget.TASKS_RUN_MAX, "steps in one execution"),
        Limit(
            "steps a minute",
            budget.TASKS_PER_MINUTE,
            "steps of an account; past that its executions wait",
        ),
        Limit("expression", document_node.PROGRAM_CHARACTERS_MAX, "characters"),
        Limit("step data", size_limits.DATA_BYTES_MAX, "bytes of JSON"),
        Limit("context", size_limits.CONTEXT_BYTES_MAX, "bytes of JSON"),
        Limit(
            "held data",
            size_limits.HELD_BYTES_MAX,
            "bytes of JSON, of all strands of an execution together",
        ),
        Limit("step data nesting", size_limits.DATA_DEPTH_MAX, "levels"),
        Limit("branches", fork_task.BRANCHES_MAX, "branches of a fork"),
        Limit("iterations", for_task.ITERATIONS_MAX, "rounds of a loop"),
        Limit("functions", call_function.DEPTH_MAX, "that call one another"),
        Limit("workflows", run_task.DEPTH_MAX, "that run one another"),
        Limit("wait", wait_task.SECONDS_MAX, "seconds"),
        Limit("address", uri_templates.CHARACTERS_MAX, "characters"),
        Limit("http call", int(call_http.SECONDS_MAX), "seconds"),
    )


def _to_row(construct: Construct) -> Row:
    try:
        documents.parse(construct.document)
    except InvalidError as refusal:
        first = refusal.faults[0]
        return Row(
            construct.group, construct.name, False, reason=f"{first.detail} (at {first.pointer})"
        )
    return Row(construct.group, construct.name, True, construct.covers)


def _variables() -> list[Row]:
    secrets = next(row for row in map(_to_row, REUSABLE) if row.name == "secrets")
    variables = document_node.VARIABLES | ({"secrets"} if secrets.supported else set())
    return [
        Row("Variables", f"${name}", True, covers)
        if name in variables
        else Row("Variables", f"${name}", False, reason="no such variable is defined")
        for name, covers in _VARIABLES.items()
    ]


LIMITS_BY_NAME: dict[str, float] = {
    "addressCharacters": uri_templates.CHARACTERS_MAX,
    "definitionDepth": json_and_yaml.DEPTH_MAX,
    "definitionSteps": document_node.TASKS_MAX,
    "definitionValues": json_and_yaml.NODES_MAX,
    "definitionYamlCpuSeconds": worker.DOCUMENT.cpu_seconds,
    "executionDataBytes": size_limits.HELD_BYTES_MAX,
    "expressionCharacters": document_node.PROGRAM_CHARACTERS_MAX,
    "expressionCpuSeconds": worker.CPU_SECONDS_MAX,
    "expressionMemoryBytes": worker.MEMORY_BYTES_MAX,
    "expressionResultBytes": worker.RESULT_BYTES_MAX,
    "forkBranches": fork_task.BRANCHES_MAX,
    "functionDepth": call_function.DEPTH_MAX,
    "loopIterations": for_task.ITERATIONS_MAX,
    "runDepth": run_task.DEPTH_MAX,
    "stepDataBytes": size_limits.DATA_BYTES_MAX,
    "stepDataDepth": size_limits.DATA_DEPTH_MAX,
    "stepsNested": size_limits.NESTED_MAX,
    "stepsPerMinute": budget.TASKS_PER_MINUTE,
    "stepsWalked": budget.TASKS_RUN_MAX,
    "waitSeconds": wait_task.SECONDS_MAX,
}
