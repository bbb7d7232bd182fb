"""Previews of definitions: validation of an unsaved one, and a graph of a saved one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.contracts.commands import Command

VALIDATION = "definition.validate"  # workflow type; its id is a ReadingWorkflowId
DRAWING = "definition.draw"  # workflow type; its id is a ReadingWorkflowId
VALIDATE_DEFINITION = "validate_definition"  # local activity: Validation → JWE to the reply key
DRAW_DEFINITION = "draw_definition"  # local activity: Drawing → JWE to the reply key
JSON, MERMAID = "json", "mermaid"


@dataclass(frozen=True, slots=True)
class Validation(Command):
    """Argument of a validation: the request's body as a JWE to the engine."""

    command: ClassVar[str] = VALIDATION
    account_id: str
    sealed: str  # JWE of {"encryptedData", "encryptionKey"}
    reply_key: dict[str, str]


@dataclass(frozen=True, slots=True)
class Drawing(Command):
    """Argument of a drawing: ids of a definition's version, and the form of the graph."""

    command: ClassVar[str] = DRAWING
    account_id: str
    definition_id: str
    version: int
    form: str  # JSON | MERMAID
    sealed: bool  # to the account's public key
    reply_key: dict[str, str]
