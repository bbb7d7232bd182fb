"""Constructs of the language for the support table, each with a minimal document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HEADER = {"dsl": "1.0.3", "namespace": "language", "name": "construct", "version": "1.0.0"}
STEP = {"step": {"set": {"a": 1}}}


@dataclass(frozen=True, slots=True)
class Construct:
    """Construct with a minimal document that uses it; `covers` describes the supported part."""

    group: str
    name: str
    document: dict[str, Any]
    covers: str = ""


def document_with(**members: Any) -> dict[str, Any]:
    """Return a document with these members; without `do` it has one task."""
    return {"document": HEADER, "do": [STEP], **members}


def task_document(**step: Any) -> dict[str, Any]:
    """Return a document of one task with these members."""
    return document_with(do=[{"step": step}])


def set_document(**around: Any) -> dict[str, Any]:
    """Return a document of one `set` task with these common members."""
    return task_document(set={"a": 1}, **around)


def call_document(kind: str, **arguments: Any) -> dict[str, Any]:
    """Return a document of one call task."""
    return task_document(call=kind, **{"with": arguments})
