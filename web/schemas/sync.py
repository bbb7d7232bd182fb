"""Bodies and queries of `/api/sync`."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate, validates_schema

from engine.sync import change
from engine.sync.limits import BATCH_CHANGES_MAX, PULL_STATES_MAX
from web.schemas.strict import Flag, Strict, Text

TYPES = validate.OneOf(change.TYPES)
CLOCK = {
    "description": "agent id → counter, 1 to 64 entries",
    "type": "object",
    "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
    "minProperties": 1,
    "maxProperties": 64,
}
# What marshmallow's translation to JSON Schema leaves out.
PUSH: dict[str, Any] = {
    "properties": {"vectorClock": {"propertyNames": {"pattern": "^[\\x21-\\x7e]{1,128}$"}}},
    "if": {"properties": {"deleted": {"const": True}}, "required": ["deleted"]},
    "then": {"properties": {"encryptedData": {"maxLength": 0}}},
}
WAIT_SECONDS_MAX = 25  # under the 30 s that hosts' routers allow
DATA_LENGTH_MAX = 4 * 1_048_576  # what a body can hold; the limit of a state is a setting


class PushRequest(Strict):
    """One version of one entity."""

    document = PUSH
    type = fields.String(required=True, validate=TYPES)
    entity_id = Text(required=True, shortest=1, longest=256, data_key="entityId")
    encrypted_data = Text(required=True, longest=DATA_LENGTH_MAX, data_key="encryptedData")
    deleted = Flag(load_default=False, metadata={"description": "a tombstone, whose data is empty"})
    version = Text(required=True, longest=256)
    vector_clock = fields.Raw(required=True, data_key="vectorClock", metadata=CLOCK)

    @validates_schema
    def _data(self, data: dict[str, Any], **_options: object) -> None:
        if data["deleted"] and data["encrypted_data"]:
            raise ValidationError("A tombstone has no data.", "encryptedData")


class PushAnswer(Schema):
    """The version that is now current."""

    success = fields.Boolean(required=True)
    version = fields.String(required=True)


class BatchRequest(Strict):
    """Several changes, in their order."""

    changes = fields.List(
        fields.Nested(PushRequest), required=True, validate=validate.Length(1, BATCH_CHANGES_MAX)
    )
    atomic = Flag(load_default=False, metadata={"description": "all or none"})


class Result(Schema):
    """What a push of its own would have been answered; a refusal has a problem's members too."""

    class Meta:
        """Others may be there too."""

        unknown = INCLUDE

    success = fields.Boolean(required=True)
    version = fields.String(required=True)
    status = fields.Integer()
    code = fields.String()
    detail = fields.String()


class BatchAnswer(Schema):
    """An answer for each change, at its place."""

    results = fields.List(fields.Nested(Result), required=True)


class Since(Text):
    """A cursor, or any time."""

    def __init__(self, **options: Any) -> None:
        metadata = {"description": "an updatedAt, or any RFC 3339 time", "format": "date-time"}
        super().__init__(longest=64, metadata=metadata | options.pop("metadata", {}), **options)


class PullQuery(Strict):
    """Which states."""

    since = Since()
    type = fields.String(validate=TYPES)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, PULL_STATES_MAX))
    exclude_self = fields.Boolean(load_default=False, data_key="excludeSelf")
    wait = fields.Float(
        validate=validate.Range(0, WAIT_SECONDS_MAX),
        metadata={"description": "seconds to wait for a state"},
    )


class Sibling(Schema):
    """A concurrent version that was refused and kept."""

    encryptedData = fields.String(required=True)  # noqa: N815 - the API's own spelling
    version = fields.String(required=True)
    vectorClock = fields.Raw(required=True, metadata=CLOCK)  # noqa: N815
    agentId = fields.String(required=True)  # noqa: N815
    deleted = fields.Boolean(required=True)


class Version(Sibling):
    """A version of an entity that is or was current."""

    type = fields.String(required=True)
    entityId = fields.String(required=True)  # noqa: N815
    updatedAt = fields.String(required=True, metadata={"format": "date-time"})  # noqa: N815


class State(Version):
    """An entity's current version."""

    siblings = fields.List(fields.Nested(Sibling), required=True)


class PullAnswer(Schema):
    """A page of states, oldest first."""

    states = fields.List(fields.Nested(State), required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815
    cursor = fields.String(required=True, metadata={"description": "the next pull's since"})
    head = fields.String(required=True, metadata={"description": "the account's newest stamp"})
    syncHead = fields.String(  # noqa: N815
        required=True,
        allow_none=True,
        metadata={"description": "the chain's last link, for X-Sync-Head"},
    )
