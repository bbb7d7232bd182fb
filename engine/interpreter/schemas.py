"""JSON Schema (2020-12) of inputs, outputs and exports; a schema never makes us fetch another."""

from __future__ import annotations

from typing import Any

import jsonschema
import referencing
import referencing.exceptions

from engine.interpreter.faults import fault
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
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        document.fault(f"is no JSON Schema: {error.message[:200]}")
    return schema


def validate(value: Any, schema: dict[str, Any] | None) -> None:
    """Check a value against a schema.

    :raises FaultError: of kind validation, naming the place of the first mismatch and not its data.
    """
    if schema is None:
        return
    validator = jsonschema.Draft202012Validator(schema, registry=referencing.Registry())
    try:
        found = jsonschema.exceptions.best_match(validator.iter_errors(value))
    except referencing.exceptions.Unresolvable:
        raise fault("validation", "the schema refers to another one") from None
    if found is not None:
        place = "/".join(["", *(str(part) for part in found.absolute_path)])
        raise fault("validation", f"{place or 'the value'} breaks the schema's {found.validator}")
