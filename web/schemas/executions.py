"""Queries and answers of `/api/executions`."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from web.schemas.strict import Strict
from web.schemas.sync import Since
from web.schemas.workflows import STATUSES

CURSOR = validate.Regexp(r"^[0-9a-f]{1,14}\.[0-9a-f]{32}$")


class OfWorkflowQuery(Strict):
    """Page of a workflow's executions."""

    status = fields.String(validate=validate.OneOf(STATUSES[1:]))
    since = Since(metadata={"description": "created then or later"})
    until = Since(metadata={"description": "created before"})
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    cursor = fields.String(validate=CURSOR, metadata={"description": "of the previous page"})


class RunsQuery(OfWorkflowQuery):
    """Page of executions."""

    workflow_id = fields.UUID(data_key="workflowId")


class RetryRequest(Strict):
    """Version of its workflow by which a failed execution is continued."""

    version = fields.String(
        load_default="same",
        validate=validate.OneOf(["same", "latest"]),
        metadata={"description": "`latest` finds the steps again by their names"},
    )


class Run(Schema):
    """Execution without its outcome."""

    executionId = fields.UUID(required=True)  # noqa: N815 - the API's own spelling
    workflowId = fields.UUID(required=True)  # noqa: N815
    workflowVersion = fields.Integer(required=True)  # noqa: N815
    status = fields.String(required=True, validate=validate.OneOf(STATUSES[1:]))
    retryOf = fields.UUID(required=True, allow_none=True)  # noqa: N815
    createdAt = fields.String(required=True)  # noqa: N815
    endedAt = fields.String(required=True, allow_none=True)  # noqa: N815
    temporalUrl = fields.String(  # noqa: N815
        required=True,
        allow_none=True,
        metadata={"description": "its page in the operators' Temporal UI"},
    )


class Runs(Schema):
    """Some executions, newest first."""

    executions = fields.List(fields.Nested(Run), required=True)
    cursor = fields.String(
        required=True, allow_none=True, metadata={"description": "of the next page"}
    )
    hasMore = fields.Boolean(required=True)  # noqa: N815
