"""Looks at a definition that change nothing: is it valid, and what does it look like; for whoever waits."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import RawValue

from engine.contracts import payload_converter
from engine.contracts.preview import (
    DRAW_DEFINITION,
    DRAWING,
    VALIDATE_DEFINITION,
    VALIDATION,
    Drawing,
    Validation,
)
from engine.temporal_workflows.local_activities import locally


@workflow.defn(name=VALIDATION, failure_exception_types=[Exception])
class ValidationWorkflow:
    """One look at a definition that is not saved."""

    @workflow.run
    async def run(self, validation: Validation) -> RawValue:
        """Return what is wrong with it, sealed to whoever asked."""
        return payload_converter.reply_payload(await locally(VALIDATE_DEFINITION, validation, str))


@workflow.defn(name=DRAWING, failure_exception_types=[Exception])
class DrawingWorkflow:
    """One look at what a saved definition does."""

    @workflow.run
    async def run(self, drawing: Drawing) -> RawValue:
        """Return its graph, sealed to whoever asked."""
        return payload_converter.reply_payload(await locally(DRAW_DEFINITION, drawing, str))
