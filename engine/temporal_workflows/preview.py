"""Temporal workflows of previews: validate a definition, or draw it, for a waiting client."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import RawValue

from engine.contracts.payload_converter import reply_payload
from engine.contracts.preview import (
    DRAW_DEFINITION,
    DRAWING,
    VALIDATE_DEFINITION,
    VALIDATION,
    Drawing,
    Validation,
)
from engine.temporal_workflows.local_activities import run_local_activity


@workflow.defn(name=VALIDATION, failure_exception_types=[Exception])
class ValidationWorkflow:
    """Validation of a definition that is not saved."""

    @workflow.run
    async def run(self, validation: Validation) -> RawValue:
        """Return the faults of the definition, encrypted to the client's key."""
        return reply_payload(await run_local_activity(VALIDATE_DEFINITION, validation, str))


@workflow.defn(name=DRAWING, failure_exception_types=[Exception])
class DrawingWorkflow:
    """Drawing of a saved definition."""

    @workflow.run
    async def run(self, drawing: Drawing) -> RawValue:
        """Return the graph of the definition, encrypted to the client's key."""
        return reply_payload(await run_local_activity(DRAW_DEFINITION, drawing, str))
