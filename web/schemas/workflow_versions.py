"""Queries and answers of a workflow's versions."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from engine.workflows.versions import VERSION_MAX
from web.schemas.strict import Moment, Strict
from web.schemas.workflows import FaultSchema


class VersionsQuery(Strict):
    """Page of versions."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    cursor = fields.Integer(
        validate=validate.Range(1, VERSION_MAX), metadata={"description": "of the previous page"}
    )


class VersionShown(Schema):
    """Version of a workflow, without its encrypted document."""

    version = fields.Integer(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    diagnostics = fields.List(fields.Nested(FaultSchema), required=True)
    diagnostics_sealed = fields.String(required=True, allow_none=True, data_key="diagnosticsSealed")
    checked_at = Moment(
        required=True,
        allow_none=True,
        data_key="checkedAt",
        metadata={"description": "when it was checked; null until then"},
    )
    created_at = Moment(required=True, data_key="createdAt")


class VersionWhole(VersionShown):
    """Version of a workflow, with its encrypted document."""

    encrypted_data = fields.String(required=True, data_key="encryptedData")
    encryption_key = fields.String(required=True, data_key="encryptionKey")


class VersionAnswer(Schema):
    """One version."""

    version = fields.Nested(VersionWhole, required=True)


class VersionList(Schema):
    """Some versions, newest first."""

    versions = fields.List(fields.Nested(VersionShown), required=True)
    cursor = fields.Integer(
        required=True, allow_none=True, metadata={"description": "of the next page"}
    )
    hasMore = fields.Boolean(required=True)  # noqa: N815 - the API's own spelling
