"""What stands around the steps: the document, its reusable components, its schedule."""

from __future__ import annotations

from typing import Any

from bin.devtools.docs.support_table.construct import STEP, Construct, setting, whole

_ERROR = {"type": "https://example.org/errors/none-left", "status": 409}

DOCUMENT = [
    Construct(
        "Document", "document", whole(), "dsl 1.0.x; title, summary, tags and metadata are kept"
    ),
    Construct(
        "Document",
        "input",
        whole(input={"from": ".a", "schema": {"document": {}}}),
        "a schema, then a filter",
    ),
    Construct(
        "Document",
        "output",
        whole(output={"as": ".a", "schema": {"document": {}}}),
        "a filter, then a schema",
    ),
    Construct("Document", "timeout", whole(timeout={"after": "PT1M"}), "of the whole execution"),
    Construct("Document", "evaluate.language: jq", whole(evaluate={"language": "jq"}), "jq 1.8"),
    Construct("Document", "evaluate.language: others", whole(evaluate={"language": "js"})),
    Construct(
        "Document",
        "evaluate.mode",
        whole(evaluate={"mode": "loose"}),
        "expression members take bare jq and ${ } in both modes",
    ),
]


def _used(named: str, component: Any, **step: Any) -> dict[str, Any]:
    return {**setting(**step), "use": {named: {"mine": component}}}


REUSABLE = [
    Construct(
        "Reusable",
        "authentications",
        _used("authentications", {"bearer": {"token": "a"}}),
        "policies, named by calls, catalogs and endpoints",
    ),
    Construct("Reusable", "errors", _used("errors", _ERROR), "what a raise names"),
    Construct("Reusable", "retries", _used("retries", {"delay": "PT1S"}), "what a catch names"),
    Construct(
        "Reusable",
        "timeouts",
        _used("timeouts", {"after": "PT1S"}, timeout="mine"),
        "what a step or the workflow names",
    ),
    Construct(
        "Reusable",
        "functions",
        _used("functions", STEP["step"]),
        "steps under a name; what is called gets its arguments as input; none calls itself",
    ),
    Construct(
        "Reusable",
        "catalogs",
        _used("catalogs", {"endpoint": "https://example.org/"}),
        "functions at name:version@catalog, fetched once in an execution; up to 16 deep; they have no secrets"
        " and do not listen",
    ),
    Construct(
        "Reusable",
        "secrets",
        whole(use={"secrets": ["mine"]}),
        "of the account, read when the execution begins, hidden in errors and events",
    ),
    Construct(
        "Reusable",
        "extensions",
        whole(use={"extensions": [{"mine": {"extend": "all", "before": [STEP], "after": [STEP]}}]}),
        "steps before and after every step of a kind; exit in those before stands in for the step",
    ),
]

SCHEDULES = [
    Construct(
        "Schedules",
        "every",
        whole(schedule={"every": {"hours": 1}}),
        "an interval of whole seconds",
    ),
    Construct(
        "Schedules",
        "cron",
        whole(schedule={"cron": "0 0 * * *"}),
        "five fields, or six with seconds, without L; UTC",
    ),
    Construct(
        "Schedules",
        "after",
        whole(schedule={"after": {"hours": 1}}),
        "a pause after each execution",
    ),
    Construct(
        "Schedules",
        "on",
        whole(schedule={"on": {"one": {"with": {"type": "org.example.a"}}}}),
        "events",
    ),
]
