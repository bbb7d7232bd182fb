"""Queries and answers of previews: validation of an unsaved workflow, and graphs."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from engine.contracts.preview import JSON, MERMAID
from engine.workflows.versions import VERSION_MAX
from web.schemas.strict import Strict
from web.schemas.workflows import FaultSchema


class Verdict(Schema):
    """Diagnostics of a workflow that is not saved."""

    valid = fields.Boolean(required=True)
    diagnostics = fields.List(fields.Nested(FaultSchema), required=True)
    diagnosticsSealed = fields.String(  # noqa: N815 - the API's own spelling
        required=True,
        allow_none=True,
        metadata={"description": "the same in full, a JWE of JSON to the account's public key"},
    )


class GraphQuery(Strict):
    """Version and form of a graph."""

    format = fields.String(load_default=JSON, validate=validate.OneOf([JSON, MERMAID]))
    version = fields.Integer(
        validate=validate.Range(1, VERSION_MAX), metadata={"description": "default: the newest"}
    )
    sealed = fields.Boolean(
        load_default=True,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "whether it is a JWE to the account's public key"},
    )


class GraphAnswer(Schema):
    """Graph: a JWE of JSON, or in plaintext an object, or a text for Mermaid."""

    workflowId = fields.UUID(required=True)  # noqa: N815
    workflowVersion = fields.Integer(required=True)  # noqa: N815
    format = fields.String(required=True, validate=validate.OneOf([JSON, MERMAID]))
    graph = fields.Raw(required=True)
