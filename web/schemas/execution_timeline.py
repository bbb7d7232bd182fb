"""Queries and answers about what executions do."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from engine.contracts.timeline import PHASES
from web.schemas.executions import Run
from web.schemas.strict import Strict, Text
from web.schemas.workflows import Executed

SEQ_MAX = 999_999_999
PLACE = {"description": "the step's JSON pointer in the definition, without the names of steps"}


class StepsQuery(Strict):
    """Which entries."""

    cursor = fields.Integer(
        load_default=0,
        validate=validate.Range(0, SEQ_MAX),
        metadata={"description": "of the page before"},
    )
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class FollowQuery(Strict):
    """From where on, and in a browser by which ticket."""

    after = fields.Integer(
        load_default=0,
        validate=validate.Range(0, SEQ_MAX),
        metadata={"description": "the id of the last event; Last-Event-ID goes before it"},
    )
    ticket = Text(longest=128, metadata={"description": "in place of Authorization and X-Agent-ID"})


class Happened(Schema):
    """One thing that happened to a step."""

    seq = fields.Integer(required=True)
    place = fields.String(required=True, metadata=PLACE)
    kind = fields.String(
        required=True, metadata={"description": "the member that says what the step does"}
    )
    phase = fields.String(required=True, validate=validate.OneOf(PHASES))
    attempt = fields.Integer(
        required=True, metadata={"description": "of the innermost try around it"}
    )
    at = fields.String(required=True)
    error = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "a standard type's last segment, or raised"},
    )


class Steps(Schema):
    """Some entries of an execution's journal, oldest first."""

    steps = fields.List(fields.Nested(Happened), required=True)
    cursor = fields.Integer(
        required=True, metadata={"description": "of the next page, now or later"}
    )
    hasMore = fields.Boolean(required=True)  # noqa: N815 - the API's own spelling


class Counts(Schema):
    """How many steps were in each phase."""

    started = fields.Integer(required=True)
    completed = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    cancelled = fields.Integer(required=True)
    skipped = fields.Integer(required=True)


class Held(Run):
    """An execution that was asked to pause, or to go on."""

    paused = fields.Boolean(required=True)


class StandingSchema(Executed):
    """An execution: how far it is, and its result or error once it has ended."""

    paused = fields.Boolean(required=True)
    current = fields.List(
        fields.String(metadata=PLACE),
        required=True,
        metadata={"description": "steps that run, the innermost alone"},
    )
    steps = fields.Nested(Counts, required=True)
    attempts = fields.Integer(
        required=True, metadata={"description": "how often something was tried again"}
    )
