"""Bodies and queries of `/api/schedules`."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate

from engine.language.schedule import CRON_LENGTH_MAX
from engine.sync.clock import as_integer
from engine.workflows.schedules.recurrence import CATCHUP_SECONDS, CATCHUP_SECONDS_MIN, OVERLAPS
from web.schemas.strict import Flag, Moment, Strict, Text, Value
from web.schemas.sync import Since
from web.schemas.workflows import STATUSES

SECONDS_MAX = 31_622_400
# ISO 8601 section 5.5.2.
SPAN = r"^P(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$"
ZONE = r"^[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*$"
INPUT = {"description": "any JSON, or a JWE; stored as a JWE to the engine"}


class Span(fields.Raw):
    """Duration: seconds, an ISO 8601 duration, or an object of units as in the language."""

    def __init__(self, *, least: int, **options: Any) -> None:
        units = {"type": "integer", "minimum": 0}
        forms = [
            {"type": "integer", "minimum": least, "maximum": SECONDS_MAX},
            {"type": "string", "pattern": SPAN, "maxLength": 64},
            {
                "type": "object",
                "properties": dict.fromkeys(("days", "hours", "minutes", "seconds"), units),
                "additionalProperties": False,
                "minProperties": 1,
            },
        ]
        super().__init__(metadata=options.pop("metadata", {}) | {"anyOf": forms}, **options)

    def _deserialize(self, value: Any, *_context: Any, **_options: Any) -> Any:
        span = as_integer(value)
        if isinstance(span, bool) or not isinstance(span, int | str | dict):
            raise ValidationError("Must be seconds, an ISO 8601 duration, or an object of units.")
        if isinstance(span, dict):
            return {unit: as_integer(amount) for unit, amount in span.items()}
        return span


class ScheduleChange(Strict):
    """Change of a schedule; null removes an optional member."""

    document: ClassVar[dict[str, Any]] = {
        "minProperties": 1,
        "not": {"required": ["every", "cron"]},
    }
    every = Span(least=1)
    cron = Text(
        longest=CRON_LENGTH_MAX,
        metadata={
            "description": "five fields as Debian's cron has them, or six with seconds first"
        },
    )
    timezone = Text(
        longest=64,
        metadata={"pattern": ZONE, "description": "of the IANA database; UTC is the default"},
    )
    start_at = Since(
        data_key="startAt", allow_none=True, metadata={"description": "the first time that counts"}
    )
    end_at = Since(
        data_key="endAt", allow_none=True, metadata={"description": "the last time that counts"}
    )
    overlap = fields.String(
        validate=validate.OneOf(OVERLAPS),
        metadata={"description": "what happens when its last execution still runs; default: skip"},
    )
    catchup_window = Span(
        least=CATCHUP_SECONDS_MIN,
        data_key="catchupWindow",
        metadata={"description": f"how late it may still run; default: {CATCHUP_SECONDS}"},
    )
    jitter = Span(least=0, metadata={"description": "the longest random delay"})
    note = Text(longest=1024, allow_none=True, metadata={"description": "stored as it is sent"})
    input = Value(allow_none=True, metadata=INPUT)
    seal_result = Flag(data_key="sealResult", metadata={"description": "needs an input"})


class ScheduleRequest(ScheduleChange):
    """New schedule, by an interval or by a cron expression."""

    document: ClassVar[dict[str, Any]] = {
        "oneOf": [{"required": ["every"]}, {"required": ["cron"]}]
    }
    workflow_id = fields.UUID(required=True, data_key="workflowId")
    paused = Flag(load_default=False)
    input = Value(load_default=None, allow_none=True, metadata=INPUT)
    seal_result = Flag(
        data_key="sealResult", metadata={"description": "default: whether the input is a JWE"}
    )


class BackfillRequest(Strict):
    """Stretch of time to execute for; both ends inclusive."""

    since = Since(required=True)
    until = Since(required=True, metadata={"description": "now at the latest"})


class SchedulesQuery(Strict):
    """Page of schedules."""

    workflow_id = fields.UUID(data_key="workflowId")
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    cursor = fields.UUID(metadata={"description": "of the previous page"})


class ScheduleShown(Schema):
    """Schedule; durations in seconds."""

    id = fields.UUID(required=True)
    workflow_id = fields.UUID(required=True, data_key="workflowId")
    origin = fields.String(required=True, validate=validate.OneOf(["client", "workflow"]))
    every = fields.Integer(required=True, allow_none=True)
    cron = fields.String(required=True, allow_none=True)
    timezone = fields.String(required=True)
    start_at = Moment(required=True, allow_none=True, data_key="startAt")
    end_at = Moment(required=True, allow_none=True, data_key="endAt")
    overlap = fields.String(required=True)
    catchup_seconds = fields.Integer(required=True, data_key="catchupWindow")
    jitter_seconds = fields.Integer(required=True, data_key="jitter")
    paused = fields.Boolean(required=True)
    note = fields.String(required=True, allow_none=True)
    created_at = Moment(required=True, data_key="createdAt")
    updated_at = Moment(required=True, data_key="updatedAt")


class FiringShown(Schema):
    """Firing of a schedule, with its execution or the reason for its absence."""

    due_at = Moment(required=True, data_key="dueAt")
    execution_id = fields.UUID(required=True, allow_none=True, data_key="executionId")
    status = fields.String(required=True, allow_none=True, validate=validate.OneOf(STATUSES[1:]))
    refusal = fields.String(required=True, allow_none=True)


class ScheduleLooked(ScheduleShown):
    """Schedule with its next times and its latest firings."""

    next_times = fields.List(
        Moment(),
        required=True,
        allow_none=True,
        data_key="nextTimes",
        metadata={"description": "ten at most; null while they are unknown"},
    )
    recent = fields.List(
        fields.Nested(FiringShown), required=True, metadata={"description": "newest first"}
    )


class SchedulesShown(Schema):
    """Some schedules, newest first."""

    schedules = fields.List(fields.Nested(ScheduleShown), required=True)
    cursor = fields.UUID(
        required=True, allow_none=True, metadata={"description": "of the next page"}
    )
    hasMore = fields.Boolean(required=True)  # noqa: N815 - the API's own spelling


class Backfilled(Schema):
    """Stretch of a backfill."""

    since = Moment(required=True)
    until = Moment(required=True)
    times = fields.Integer(
        required=True,
        metadata={"description": "number of times; one that has executed before does not again"},
    )
