"""A construct of the language: a document that holds it and little else, and what is covered of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HEADER = {"dsl": "1.0.3", "namespace": "language", "name": "construct", "version": "1.0.0"}
STEP = {"step": {"set": {"a": 1}}}


@dataclass(frozen=True, slots=True)
class Construct:
    """One row of the support table before it is tried out."""

    group: str
    name: str
    document: dict[str, Any]
    covers: str = ""


def whole(**members: Any) -> dict[str, Any]:
    """Return a document with members of its own, of one step where it says none."""
    return {"document": HEADER, "do": [STEP], **members}


def stepping(**step: Any) -> dict[str, Any]:
    """Return a document of one step that has these members."""
    return whole(do=[{"step": step}])


def setting(**around: Any) -> dict[str, Any]:
    """Return a document of one `set` with something around it."""
    return stepping(set={"a": 1}, **around)


def calling(kind: str, **arguments: Any) -> dict[str, Any]:
    """Return a document of one call."""
    return stepping(call=kind, **{"with": arguments})
