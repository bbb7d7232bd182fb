"""TODO."""

from __future__ import annotations

from dataclasses import dataclass

VALIDATION = "definition.validate"  # workflow type; id read:<uuid>
DRAWING = "definition.draw"  # workflow type; id read:<uuid>
VALIDATE_DEFINITION = "validate_definition"  # local activity: Validation → JWE to the reply key
DRAW_DEFINITION = "draw_definition"  # local activity: Drawing → JWE to the reply key
JSON, MERMAID = "json", "mermaid"


@dataclass(frozen=True, slots=True)
class Validation:
    """The argument of validating what is not saved: sealed to the engine, whatever it was before."""

    account_id: str
    sealed: str  # JWE of {"encryptedData", "encryptionKey"}
    reply_key: dict[str, str]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The argument of drawing a definition's version: ids, and how the graph is wanted."""

    account_id: str
    definition_id: str
    version: int
    form: str  # JSON | MERMAID
    sealed: bool  # to the account's public key
    reply_key: dict[str, str]
