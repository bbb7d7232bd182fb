"""JSON Schema (2020-12) of inputs, outputs and exports, evaluated where strangers' programs are."""

from __future__ import annotations

import json
from typing import Any

from engine.interpreter.expressions import pool
from engine.interpreter.faults import ExhaustedError, fault
from engine.interpreter.node import Node


def read(node: Node) -> dict[str, Any] | None:
    """Return the JSON Schema of a `schema` member."""
    node.only("format", "document", "resource")
    if node.has("resource"):
        node.at("resource", None).fault("schemas in external resources are not supported yet")
        return None
    if node.has("format") and node.members()["format"] not in ("json", "json:2020-12"):
        node.at("format", None).fault("only json is supported yet")
    document = node.need("document")
    schema = document.members()
    if node.reading.compiles:
        _check(document, schema)
    return schema


def validate(value: Any, schema: dict[str, Any] | None) -> float:
    """Check a value against a schema and return the CPU seconds it took.

    :raises FaultError: of kind validation, naming the place of a mismatch and not its data.
    :raises ExhaustedError: when it breaks its budget.
    """
    if schema is None:
        return 0.0
    try:
        answer = pool.shared("schema").evaluate(json.dumps(schema), value)
    except pool.ProgramError:
        raise fault("validation", "the schema cannot be evaluated") from None
    except pool.BrokenError:
        raise ExhaustedError("a schema used more time or memory than it may") from None
    if answer.value is not None:
        place, keyword = answer.value["place"], answer.value["keyword"]
        raise fault("validation", f"{place} breaks the schema's {keyword}")
    return answer.cpu_seconds


def _check(node: Node, schema: dict[str, Any]) -> None:
    try:
        pool.shared("schema").check(json.dumps(schema))
    except pool.ProgramError as error:
        why = str(error).partition("\n")[0][:200]
        node.fault(f"is no JSON Schema: {why}", gist="is no JSON Schema")
    except pool.BrokenError:
        node.fault("the schema takes too long to read")
