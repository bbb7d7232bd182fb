"""Executions that another execution runs (`run: workflow`); only encrypted history has these."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contracts.json_value import Json

FIND_DEFINITION = "find_definition"  # activity: DefinitionName → the definition's id


@dataclass(frozen=True, slots=True)
class DefinitionName:
    """Name of one of an account's definitions, as its document has it."""

    account_id: str
    namespace: str
    name: str
    version: str  # or "latest"


@dataclass(frozen=True, slots=True)
class ChildOrder:
    """What a child execution runs, and for which parent."""

    by: str  # the parent's id
    definition_id: str
    input: Json
    depth: int  # of the child below the execution that no other ordered


@dataclass(frozen=True, slots=True)
class ChildOutcome:
    """Outcome of a child execution; exactly one of the two is set."""

    result: Json = None
    error: dict[str, Json] | None = None
