"""Values that a parent and its child execution exchange (`run: workflow`), in encrypted history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = Any  # a JSON value


@dataclass(frozen=True, slots=True)
class DefinitionName:
    """Reference to a definition of an account by the members of its `document`."""

    account_id: str
    namespace: str
    name: str
    version: str  # or "latest"


@dataclass(frozen=True, slots=True)
class ChildOrder:
    """Order of a parent execution to run a definition as its child."""

    by: str  # id of the parent execution
    definition_id: str
    input: Json
    depth: int  # of the child below the execution that no other ordered


@dataclass(frozen=True, slots=True)
class ChildOutcome:
    """Outcome of a child execution; exactly one member is set."""

    result: Json = None
    error: dict[str, Json] | None = None
