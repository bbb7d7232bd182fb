"""The support table: every construct of the language, tried out on the grammar that refuses or takes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from engine.errors import InvalidError
from engine.interpreter import grammar, node, pace, sizes, syntax, variables
from engine.interpreter.expressions import child
from engine.interpreter.language.calls import AUTHENTICATIONS, CALLS
from engine.interpreter.language.construct import Construct
from engine.interpreter.language.steps import AROUND, STEPS
from engine.interpreter.language.surroundings import DOCUMENT, REUSABLE, SCHEDULES
from engine.interpreter.steps import call_function, call_http, fork, loop, run, wait

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
    """One construct: whether it runs, what is covered of it, and why not where it does not."""

    group: str
    name: str
    supported: bool
    covers: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """One bound of what a definition may be or do."""

    name: str
    value: int
    unit: str


@cache
def rows() -> tuple[Row, ...]:
    """Return every construct, in the order of the specification's reference."""
    return (*map(_tried, CONSTRUCTS), *_variables())


def limits() -> tuple[Limit, ...]:
    """Return the limits that are the same for every account."""
    return (
        Limit("definition", syntax.TEXT_CHARACTERS_MAX, "characters"),
        Limit("definition in YAML", int(child.DOCUMENT.cpu_seconds), "seconds to read it"),
        Limit("nesting", syntax.DEPTH_MAX, "levels"),
        Limit("steps", node.STEPS_MAX, "steps in a definition"),
        Limit("nested steps", sizes.NESTED_MAX, "in one another, functions included"),
        Limit("steps walked", pace.STEPS_WALKED_MAX, "steps in one execution"),
        Limit("steps a minute", pace.STEPS_PER_MINUTE, "steps of an account; past that its executions wait"),
        Limit("expression", node.PROGRAM_CHARACTERS_MAX, "characters"),
        Limit("step data", sizes.DATA_BYTES_MAX, "bytes of JSON"),
        Limit("context", sizes.CONTEXT_BYTES_MAX, "bytes of JSON"),
        Limit("held data", sizes.HELD_BYTES_MAX, "bytes of JSON, of all strands of an execution together"),
        Limit("step data nesting", sizes.DATA_DEPTH_MAX, "levels"),
        Limit("branches", fork.BRANCHES_MAX, "branches of a fork"),
        Limit("iterations", loop.ITERATIONS_MAX, "rounds of a loop"),
        Limit("functions", call_function.DEPTH_MAX, "that call one another"),
        Limit("workflows", run.DEPTH_MAX, "that run one another"),
        Limit("wait", wait.SECONDS_MAX, "seconds"),
        Limit("address", variables.CHARACTERS_MAX, "characters"),
        Limit("http call", int(call_http.SECONDS_MAX), "seconds"),
    )


def _tried(construct: Construct) -> Row:
    try:
        grammar.parse(construct.document)
    except InvalidError as refusal:
        first = refusal.faults[0]
        return Row(construct.group, construct.name, False, reason=f"{first.detail} (at {first.pointer})")
    return Row(construct.group, construct.name, True, construct.covers)


def _variables() -> list[Row]:
    secrets = next(row for row in map(_tried, REUSABLE) if row.name == "secrets")
    known = node.ARGUMENTS | ({"secrets"} if secrets.supported else set())
    return [
        Row("Variables", f"${name}", True, covers)
        if name in known
        else Row("Variables", f"${name}", False, reason="no such variable is defined")
        for name, covers in _VARIABLES.items()
    ]
