"""Looks at a definition that change nothing: is it valid, and what does it look like; for whoever waits."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio import workflow
from temporalio.common import RawValue

from engine.interpreter import replies
from engine.interpreter.locally import locally

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


@workflow.defn(name=VALIDATION, failure_exception_types=[Exception])
class ValidationWorkflow:
    """One look at a definition that is not saved."""

    @workflow.run
    async def run(self, validation: Validation) -> RawValue:
        """Return what is wrong with it, sealed to whoever asked."""
        return replies.sealed(await locally(VALIDATE_DEFINITION, validation, str))


@workflow.defn(name=DRAWING, failure_exception_types=[Exception])
class DrawingWorkflow:
    """One look at what a saved definition does."""

    @workflow.run
    async def run(self, drawing: Drawing) -> RawValue:
        """Return its graph, sealed to whoever asked."""
        return replies.sealed(await locally(DRAW_DEFINITION, drawing, str))
