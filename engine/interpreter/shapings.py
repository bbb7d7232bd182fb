"""`input`, `output` and `export`: a transformation and the schema of what it takes or gives."""

from __future__ import annotations

from engine.interpreter import schemas
from engine.interpreter.definition import Shaping
from engine.interpreter.node import Node


def read_shaping(node: Node, key: str, how: str) -> Shaping:
    """Read an `input`, `output` or `export` member: a transformation and a schema."""
    found = node.get(key)
    if found is None:
        return Shaping()
    found.only("schema", how)
    template, schema = found.get(how), found.get("schema")
    return Shaping(
        template=template.template_or_program() if template else None,
        schema=schemas.read(schema) if schema else None,
    )
