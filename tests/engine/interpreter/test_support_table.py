from __future__ import annotations

import os
from pathlib import Path

import pytest

from bin.devtools.docs import language
from bin.devtools.docs.support_table import table
from bin.devtools.docs.support_table.construct import Construct
from engine.errors import InvalidError
from engine.interpreter import documents
from engine.interpreter.constructs import call_task, registry, reusable_components, run_task
from engine.language import document_node
from tests.support.interpreter.executions import Execute

# A checkout of the specification's examples, where there is one: the project does not need it.
EXAMPLES = Path(os.environ.get("OWS_EXAMPLES", "no-examples"))
SUPPORTED = {(row.group, row.name): row.supported for row in table.rows()}


def names(group: str) -> set[str]:
    return {row.name for row in table.rows() if row.group == group}


def identity(construct: Construct) -> str:
    return f"{construct.group}: {construct.name}"


@pytest.mark.unit
def test_the_page_is_what_the_command_writes() -> None:
    assert language.PAGE.read_text() == language.page(), "run python -m bin.devtools.docs.language"


@pytest.mark.unit
@pytest.mark.parametrize("construct", table.CONSTRUCTS, ids=identity)
def test_the_grammar_says_of_a_construct_what_the_table_says(construct: Construct) -> None:
    faults = [fault for fault in documents.check(construct.document) if fault.detail]
    assert SUPPORTED[construct.group, construct.name] is not bool(faults), faults
    if faults:
        assert all(fault.pointer for fault in faults)
        with pytest.raises(InvalidError):
            documents.parse(construct.document)


@pytest.mark.stack
@pytest.mark.parametrize(
    "construct",
    [construct for construct in table.CONSTRUCTS if not SUPPORTED[construct.group, construct.name]],
    ids=identity,
)
async def test_what_is_refused_ends_an_execution_where_it_stands(
    execute: Execute, construct: Construct
) -> None:
    rest = {
        name: member
        for name, member in construct.document.items()
        if name not in {"document", "do"}
    }
    execution = await execute(construct.document["do"], {}, checked=False, **rest)
    first = documents.check(construct.document)[0]
    assert execution.error["type"].endswith("/configuration")
    assert (execution.error["instance"], execution.trail) == (first.pointer, [])
    assert first.detail in execution.error["detail"]


@pytest.mark.unit
def test_no_construct_is_there_twice() -> None:
    rows = [(row.group, row.name) for row in table.rows()]
    assert len(rows) == len(set(rows)) > 60


@pytest.mark.unit
def test_every_refusal_has_a_reason_and_every_reason_a_refusal() -> None:
    assert all(bool(row.reason) is not row.supported for row in table.rows())


@pytest.mark.unit
def test_the_table_names_all_that_the_code_has() -> None:
    assert set(registry.CONSTRUCTS) | set(registry.NOT_YET) <= names("Steps") | {"call", "run"}
    assert set(run_task.PROCESSES) == names("Runs")
    assert set(call_task.CALLS) <= {name.partition(" ")[0].strip(",") for name in names("Calls")}
    assert {"basic", "bearer", "digest", "oauth2", "oidc"} <= names("Authentications")
    assert set(reusable_components.GROUPS) == names("Reusable")
    assert {f"${name}" for name in document_node.VARIABLES} <= names("Variables")


@pytest.mark.unit
@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="OWS_EXAMPLES names no checkout of the examples")
def test_every_example_runs_or_is_refused_for_a_reason_of_the_table() -> None:
    reasons = " ".join(row.reason or "" for row in table.rows())
    examples = sorted(EXAMPLES.glob("*.yaml"))
    for example in examples:
        for fault in documents.check(documents.read(example.read_text(), "application/yaml")):
            assert fault.detail in reasons, f"{example.name} {fault.pointer}: {fault.detail}"
    assert len(examples) >= 68
