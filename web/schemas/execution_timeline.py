"""Schemas of executions' timelines, pauses and progress."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from engine.contracts.timeline import PHASES
from web.schemas.executions import Run
from web.schemas.strict import Strict, Text
from web.schemas.workflows import Executed

SEQ_MAX = 999_999_999
PLACE = {"description": "The step's JSON pointer in the definition, without the names of steps"}


class StepsQuery(Strict):
    """Query of a timeline."""

    cursor = fields.Integer(
        load_default=0,
        validate=validate.Range(0, SEQ_MAX),
        metadata={"description": "The cursor of the previous page"},
    )
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class FollowQuery(Strict):
    """Query of a stream: its start, and a browser's ticket."""

    after = fields.Integer(
        load_default=0,
        validate=validate.Range(0, SEQ_MAX),
        metadata={"description": "Id of the last event; the header Last-Event-ID takes precedence"},
    )
    ticket = Text(
        longest=128, metadata={"description": "Replaces the headers Authorization and X-Agent-ID"}
    )


class TimelineEntryResponse(Schema):
    """Event of a step of an execution."""

    seq = fields.Integer(required=True)
    place = fields.String(required=True, metadata=PLACE)
    kind = fields.String(
        required=True,
        metadata={"description": "The member of the definition that states what the step does"},
    )
    phase = fields.String(required=True, validate=validate.OneOf(PHASES))
    attempt = fields.Integer(
        required=True, metadata={"description": "Attempt of the innermost `try` around the step"}
    )
    at = fields.String(required=True)
    error = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Last segment of a standard error type, or raised"},
    )


class Steps(Schema):
    """Page of an execution's timeline, oldest first."""

    steps = fields.List(fields.Nested(TimelineEntryResponse), required=True)
    cursor = fields.Integer(
        required=True, metadata={"description": "Cursor of the next page, now or later"}
    )
    hasMore = fields.Boolean(required=True)  # noqa: N815 - the API's own spelling


class StepCounts(Schema):
    """Number of steps that reached each phase."""

    started = fields.Integer(required=True)
    completed = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    cancelled = fields.Integer(required=True)
    skipped = fields.Integer(required=True)


class ExecutionPauseSchema(Run):
    """Execution that was paused or resumed."""

    paused = fields.Boolean(required=True)


class ExecutionDetails(Executed):
    """Execution with its progress, and its result or error once it has ended."""

    paused = fields.Boolean(required=True)
    current = fields.List(
        fields.String(metadata=PLACE),
        required=True,
        metadata={"description": "Running steps, only the innermost of those inside each other"},
    )
    steps = fields.Nested(StepCounts, required=True)
    attempts = fields.Integer(required=True, metadata={"description": "Number of retries"})
