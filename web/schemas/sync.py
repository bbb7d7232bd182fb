"""Bodies and queries of `/api/sync`."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from web.schemas.strict import Flag, Strict, Text

TYPES = validate.OneOf(["workflow", "agent", "settings"])
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
SINCE = {"description": "an updatedAt, or any RFC 3339 time", "format": "date-time"}
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


class PullQuery(Strict):
    """Which states."""

    since = Text(
        longest=64, metadata={"description": "an updatedAt, or any RFC 3339 time", "format": "date-time"}
    )
    type = fields.String(validate=TYPES)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))
    exclude_self = fields.Boolean(load_default=False, data_key="excludeSelf")


class Sibling(Schema):
    """A concurrent version that was refused and kept."""

    encryptedData = fields.String(required=True)  # noqa: N815 - the API's own spelling
    version = fields.String(required=True)
    vectorClock = fields.Raw(required=True, metadata=CLOCK)  # noqa: N815
    agentId = fields.String(required=True)  # noqa: N815
    deleted = fields.Boolean(required=True)


class State(Sibling):
    """An entity's current version."""

    type = fields.String(required=True)
    entityId = fields.String(required=True)  # noqa: N815
    updatedAt = fields.String(required=True, metadata={"format": "date-time"})  # noqa: N815
    siblings = fields.List(fields.Nested(Sibling), required=True)


class PullAnswer(Schema):
    """A page of states, oldest first."""

    states = fields.List(fields.Nested(State), required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815
    cursor = fields.String(required=True, metadata={"description": "the next pull's since"})
    head = fields.String(required=True, metadata={"description": "the account's newest stamp"})
