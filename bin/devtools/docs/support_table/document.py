"""Constructs around the tasks: document, reusable components and schedule."""

from __future__ import annotations

from typing import Any

from bin.devtools.docs.support_table.construct import STEP, Construct, document_with, set_document

_ERROR = {"type": "https://example.org/errors/none-left", "status": 409}

DOCUMENT = [
    Construct(
        "Document",
        "document",
        document_with(),
        "dsl 1.0.x; title, summary, tags and metadata are stored",
    ),
    Construct(
        "Document",
        "input",
        document_with(input={"from": ".a", "schema": {"document": {}}}),
        "a schema, then a filter",
    ),
    Construct(
        "Document",
        "output",
        document_with(output={"as": ".a", "schema": {"document": {}}}),
        "a filter, then a schema",
    ),
    Construct(
        "Document",
        "timeout",
        document_with(timeout={"after": "PT1M"}),
        "of the whole execution",
    ),
    Construct(
        "Document", "evaluate.language: jq", document_with(evaluate={"language": "jq"}), "jq 1.8"
    ),
    Construct("Document", "evaluate.language: others", document_with(evaluate={"language": "js"})),
    Construct(
        "Document",
        "evaluate.mode",
        document_with(evaluate={"mode": "loose"}),
        "expression members take bare jq and ${ } in both modes",
    ),
]


def _component_document(group: str, component: Any, **step: Any) -> dict[str, Any]:
    return {**set_document(**step), "use": {group: {"mine": component}}}


REUSABLE = [
    Construct(
        "Reusable",
        "authentications",
        _component_document("authentications", {"bearer": {"token": "a"}}),
        "policies, referenced by calls, catalogs and endpoints",
    ),
    Construct("Reusable", "errors", _component_document("errors", _ERROR), "referenced by raise"),
    Construct(
        "Reusable",
        "retries",
        _component_document("retries", {"delay": "PT1S"}),
        "referenced by catch",
    ),
    Construct(
        "Reusable",
        "timeouts",
        _component_document("timeouts", {"after": "PT1S"}, timeout="mine"),
        "referenced by steps and the workflow",
    ),
    Construct(
        "Reusable",
        "functions",
        _component_document("functions", STEP["step"]),
        "steps with names; a function gets its arguments as input and cannot call itself",
    ),
    Construct(
        "Reusable",
        "catalogs",
        _component_document("catalogs", {"endpoint": "https://example.org/"}),
        "functions at name:version@catalog, fetched once in an execution; up to 16 deep; they have"
        " no secrets and do not listen",
    ),
    Construct(
        "Reusable",
        "secrets",
        document_with(use={"secrets": ["mine"]}),
        "of the account, read at the start of the execution, redacted in errors and events",
    ),
    Construct(
        "Reusable",
        "extensions",
        document_with(
            use={"extensions": [{"mine": {"extend": "all", "before": [STEP], "after": [STEP]}}]}
        ),
        "steps before and after every step of a kind; exit in the steps before replaces the step",
    ),
]

SCHEDULES = [
    Construct(
        "Schedules",
        "every",
        document_with(schedule={"every": {"hours": 1}}),
        "an interval of whole seconds",
    ),
    Construct(
        "Schedules",
        "cron",
        document_with(schedule={"cron": "0 0 * * *"}),
        "five fields, or six with seconds, without L; UTC",
    ),
    Construct(
        "Schedules",
        "after",
        document_with(schedule={"after": {"hours": 1}}),
        "a pause after each execution",
    ),
    Construct(
        "Schedules",
        "on",
        document_with(schedule={"on": {"one": {"with": {"type": "org.example.a"}}}}),
        "events",
    ),
]
