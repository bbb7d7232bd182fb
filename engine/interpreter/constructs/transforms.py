"""`input`, `output` and `export`: a transformation and the schema of what it takes or gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.expressions.jq import Program
from engine.expressions.templates import compact
from engine.interpreter.constructs import call_http, external_resources
from engine.interpreter.runtime.interpreter import Interpreter, RemoteSchema
from engine.interpreter.runtime.scope import Scope
from engine.language import json_schema
from engine.language.errors import ExhaustedError, fault
from engine.language.model import Transform
from engine.language.reader import DocumentNode

FORMATS = ("json", "json:2020-12")


@dataclass(frozen=True, slots=True)
class SchemaResource:
    """A schema at an address."""

    endpoint: str | Program
    authentication: Any

    async def fetch(self, interpreter: Interpreter, data: Any, scope: Scope) -> dict[str, Any]:
        """Return it.

        :raises FaultError: of kind communication when it cannot be fetched, configuration when it is none.
        :raises ExhaustedError: when it takes too long to read.
        """
        where = call_http.CallHttp("GET", self.endpoint).located(interpreter, data, scope)
        known = where in interpreter.resources
        schema = await external_resources.fetch(
            interpreter, where, self.authentication, data, scope, what="schema"
        )
        if not known and json_schema.find_fault(schema) is not None:
            del interpreter.resources[where]
            raise fault("configuration", "the schema that was fetched is no JSON Schema")
        return schema


def read_transform(node: DocumentNode, key: str, how: str) -> Transform:
    """Read an `input`, `output` or `export` member: a transformation and a schema."""
    found = node.get(key)
    if found is None:
        return Transform()
    found.allow_only("schema", how)
    template, schema = found.get(how), found.get("schema")
    return Transform(
        template=compact(template.template_or_program()) if template else None,
        schema=_read_schema(schema) if schema else None,
    )


def _read_schema(node: DocumentNode) -> dict[str, Any] | RemoteSchema | None:
    node.allow_only("format", "document", "resource")
    if node.has("format") and node.members()["format"] not in FORMATS:
        node.child("format", None).add_fault("only json is supported yet")
    if not node.has("resource"):
        return _read_document(node.require("document"))
    if node.has("document"):
        node.child("resource", None).add_fault(
            "must be alone: a schema is either a document or a resource"
        )
    resource = node.require("resource").allow_only("name", "endpoint")
    name = resource.get("name")
    if name is not None:
        name.text()
    return SchemaResource(*call_http.read_endpoint(resource.require("endpoint")))


def _read_document(node: DocumentNode) -> dict[str, Any]:
    schema = node.members()
    if node.reading.compiles:
        try:
            why = json_schema.find_fault(schema)
        except ExhaustedError:
            node.add_fault("the schema takes too long to read")
        else:
            if why is not None:
                node.add_fault(f"is no JSON Schema: {why}", gist="is no JSON Schema")
    return schema
