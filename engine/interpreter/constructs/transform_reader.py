"""`input`, `output` and `export`: a transformation and the schema of its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.expressions.jq import Program
from engine.expressions.templates import compact
from engine.interpreter.constructs import call_http, external_resources
from engine.interpreter.runtime.data_flow import RemoteSchema
from engine.interpreter.runtime.interpreter import Interpreter
from engine.interpreter.runtime.scope import Scope
from engine.language import json_schema
from engine.language.document_node import DocumentNode
from engine.language.errors import ExhaustedError, fault
from engine.language.model import Transform

FORMATS = ("json", "json:2020-12")


@dataclass(frozen=True, slots=True)
class SchemaResource:
    """JSON Schema at an address."""

    endpoint: str | Program
    authentication: Any

    async def fetch(self, interpreter: Interpreter, data: Any, scope: Scope) -> dict[str, Any]:
        """Return the schema.

        :raises FaultError: of kind communication when it cannot be fetched, of kind configuration
            when it is no JSON Schema.
        :raises ExhaustedError: when its reading takes too long.
        """
        uri = call_http.CallHttp("GET", self.endpoint).resolve_uri(interpreter, data, scope)
        is_checked = uri in interpreter.resources
        schema = await external_resources.fetch(
            interpreter, uri, self.authentication, data, scope, what="schema"
        )
        if not is_checked and json_schema.find_fault(schema) is not None:
            del interpreter.resources[uri]
            raise fault("configuration", "the schema that was fetched is no JSON Schema")
        return schema


def read_transform(node: DocumentNode, key: str, template_key: str) -> Transform:
    """Read an `input`, `output` or `export` member: a transformation and a schema."""
    member = node.get(key)
    if member is None:
        return Transform()
    member.allow_only("schema", template_key)
    template, schema = member.get(template_key), member.get("schema")
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
            detail = json_schema.find_fault(schema)
        except ExhaustedError:
            node.add_fault("the schema takes too long to read")
        else:
            if detail is not None:
                node.add_fault(f"is no JSON Schema: {detail}", gist="is no JSON Schema")
    return schema
