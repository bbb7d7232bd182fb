"""Bodies and queries of `/api/workflows` and `/api/executions`."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from engine.workflows.definitions import KEY_BYTES_MAX
from engine.workflows.versions import VERSION_MAX
from web.schemas.strict import Flag, Moment, Strict, Text, Value, Whole

STATUSES = ["draft", "running", "completed", "failed"]
DATA_LENGTH_MAX = 4 * 1_048_576  # room in a body; the limit of a definition is a setting


class CreateRequest(Strict):
    """Encrypted definition and the key to it."""

    name = Text(required=True, shortest=1, longest=256)
    description = Text(longest=4096, load_default=None, allow_none=True)
    encrypted_data = Text(required=True, longest=DATA_LENGTH_MAX, data_key="encryptedData")
    encryption_key = Text(required=True, longest=KEY_BYTES_MAX, data_key="encryptionKey")


class ListQuery(Strict):
    """Page of workflows."""

    status = fields.String(validate=validate.OneOf(STATUSES))
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, 1_000_000))


class LimitsSchema(Schema):
    """Limits of workflows and executions."""

    limits = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)


class ExecuteRequest(Strict):
    """Input, in plaintext or as a JWE, and whether the result is sealed."""

    input = Value(
        load_default=None, allow_none=True, metadata={"description": "any JSON, or a JWE"}
    )
    seal_result = Flag(
        data_key="sealResult", metadata={"description": "default: whether the input is a JWE"}
    )
    version = Whole(
        validate=validate.Range(1, VERSION_MAX),
        metadata={"description": "default: the newest"},
    )


class FaultSchema(Schema):
    """Fault of a definition, and its place."""

    pointer = fields.String(required=True)
    detail = fields.String(required=True)


class Summary(Schema):
    """Workflow in a list."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    version = fields.Integer(required=True)
    diagnostics = fields.List(
        fields.Nested(FaultSchema),
        required=True,
        metadata={"description": "`*` in a pointer stands for a name of the document's own"},
    )
    diagnostics_sealed = fields.String(
        required=True,
        allow_none=True,
        data_key="diagnosticsSealed",
        metadata={"description": "the same in full, a JWE of JSON to the account's public key"},
    )
    last_execution_id = fields.UUID(required=True, allow_none=True, data_key="lastExecutionId")
    created_at = Moment(required=True, data_key="createdAt")
    updated_at = Moment(required=True, data_key="updatedAt")


class Workflow(Summary):
    """Workflow with its encrypted document."""

    encrypted_data = fields.String(required=True, data_key="encryptedData")
    encryption_key = fields.String(required=True, data_key="encryptionKey")


class Created(Schema):
    """Answer with one workflow."""

    workflow = fields.Nested(Workflow, required=True)


class Listing(Schema):
    """Some workflows, newest first."""

    workflows = fields.List(fields.Nested(Summary), required=True)
    total = fields.Integer(required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815 - the API's own spelling


class Executed(Schema):
    """Execution, with its result or error once it has ended."""

    executionId = fields.UUID(required=True)  # noqa: N815
    workflowId = fields.UUID(required=True)  # noqa: N815
    workflowVersion = fields.Integer()  # noqa: N815
    status = fields.String(required=True, validate=validate.OneOf(STATUSES[1:]))
    scheduleId = fields.UUID()  # noqa: N815
    retryOf = fields.UUID(allow_none=True)  # noqa: N815
    paused = fields.Boolean()
    result = fields.Raw()
    error = fields.Dict()
    createdAt = fields.String()  # noqa: N815
    endedAt = fields.String(allow_none=True)  # noqa: N815
    temporalUrl = fields.String(  # noqa: N815
        required=True,
        allow_none=True,
        metadata={"description": "its page in the operators' Temporal UI"},
    )


class ConstructSchema(Schema):
    """Construct of the workflow language."""

    group = fields.String(required=True)
    name = fields.String(required=True)
    supported = fields.Boolean(required=True)
    covers = fields.String(
        required=True, metadata={"description": "which parts of it are supported"}
    )
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "why it is refused, and its place in a document"},
    )


class LanguageLimit(Schema):
    """Limit of definitions."""

    name = fields.String(required=True)
    value = fields.Integer(required=True)
    unit = fields.String(required=True)


class Language(Schema):
    """Support table of the workflow language."""

    specification = fields.String(
        required=True, metadata={"description": "version of the specification"}
    )
    constructs = fields.List(fields.Nested(ConstructSchema), required=True)
    limits = fields.List(fields.Nested(LanguageLimit), required=True)
