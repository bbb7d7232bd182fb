"""Bodies and queries of `/api/bulk`."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from engine.workflows.executions.bulk_jobs import ACTIONS
from web.schemas.strict import Moment, Strict
from web.schemas.sync import Since
from web.schemas.workflows import STATUSES


class BulkQuery(Strict):
    """Filter of executions; an empty one finds all of them."""

    status = fields.String(validate=validate.OneOf(STATUSES[1:]))
    workflow_id = fields.UUID(data_key="workflowId")
    since = Since(metadata={"description": "created then or later"})
    until = Since(metadata={"description": "created before"})


class BulkRequest(Strict):
    """Action, and the executions that it is for."""

    action = fields.String(required=True, validate=validate.OneOf(list(ACTIONS)))
    query = fields.Nested(BulkQuery, required=True)


class BulkJobsQuery(Strict):
    """Page of bulk jobs."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    cursor = fields.UUID(metadata={"description": "of the previous page"})


class BulkJobShown(Schema):
    """Bulk job and its progress."""

    id = fields.UUID(required=True)
    action = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["running", "done"]))
    matched = fields.Integer(
        required=True,
        metadata={"description": "at first those that the query found, at the end those acted on"},
    )
    done = fields.Integer(required=True)
    failed = fields.Integer(
        required=True, metadata={"description": "those for which the action was refused"}
    )
    created_at = Moment(required=True, data_key="createdAt")
    ended_at = Moment(required=True, allow_none=True, data_key="endedAt")


class BulkJobsShown(Schema):
    """Some bulk jobs, newest first."""

    jobs = fields.List(fields.Nested(BulkJobShown), required=True)
    cursor = fields.UUID(
        required=True, allow_none=True, metadata={"description": "of the next page"}
    )
    hasMore = fields.Boolean(required=True)  # noqa: N815 - the API's own spelling
