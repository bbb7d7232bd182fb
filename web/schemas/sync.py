"""Schemas of push, batch and pull (`/api/sync`)."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate, validates_schema

from engine.sync import change
from engine.sync.change import BATCH_CHANGES_MAX, PULL_STATES_MAX
from web.schemas.strict import Flag, Items, Strict, Text

TYPES = validate.OneOf(change.TYPES)
CLOCK = {
    "description": "Counter by agent id, 1 to 64 entries",
    "type": "object",
    "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
    "minProperties": 1,
    "maxProperties": 64,
}
# A stored clock has no zeros: one of zeros alone is stored empty.
STORED_CLOCK = {name: member for name, member in CLOCK.items() if name != "minProperties"}
# Parts of the JSON Schema that apispec does not derive from the marshmallow fields.
PUSH: dict[str, Any] = {
    "properties": {"vectorClock": {"propertyNames": {"pattern": "^[\\x21-\\x7e]{1,128}$"}}},
    "if": {"properties": {"deleted": {"const": True}}, "required": ["deleted"]},
    "then": {"properties": {"encryptedData": {"maxLength": 0}}},
}
WAIT_SECONDS_MAX = 25  # below the 30 s after which hosting routers end a request
DATA_LENGTH_MAX = 4 * 1_048_576  # the largest body; the limit of a state is a setting


class PushRequest(Strict):
    """Version of an entity to push."""

    document = PUSH
    type = fields.String(required=True, validate=TYPES)
    entity_id = Text(required=True, shortest=1, longest=256, data_key="entityId")
    encrypted_data = Text(required=True, longest=DATA_LENGTH_MAX, data_key="encryptedData")
    deleted = Flag(
        load_default=False, metadata={"description": "The version is a tombstone and has no data"}
    )
    version = Text(required=True, longest=256)
    vector_clock = fields.Raw(required=True, data_key="vectorClock", metadata=CLOCK)

    @validates_schema
    def _data(self, data: dict[str, Any], **_options: object) -> None:
        if data["deleted"] and data["encrypted_data"]:
            raise ValidationError("A tombstone has no data.", "encryptedData")


class PushAnswer(Schema):
    """Result of an accepted push."""

    success = fields.Boolean(required=True)
    version = fields.String(required=True)


class BatchRequest(Strict):
    """Changes to push in their order."""

    changes = Items(
        fields.Nested(PushRequest), required=True, shortest=1, longest=BATCH_CHANGES_MAX
    )
    atomic = Flag(load_default=False, metadata={"description": "Write all changes or none"})


class BatchResult(Schema):
    """Answer that a push of the change alone would have had; a refusal adds a problem's members."""

    class Meta:
        """Allow the other members of a problem."""

        unknown = INCLUDE

    success = fields.Boolean(required=True)
    version = fields.String(required=True)
    status = fields.Integer()
    code = fields.String()
    detail = fields.String()
    currentOmitted = fields.Boolean(  # noqa: N815 - the API's own spelling
        metadata={"description": "The answer has no room for `current` and `siblings`"}
    )


class BatchAnswer(Schema):
    """Result of each change, in the order of the changes."""

    results = fields.List(fields.Nested(BatchResult), required=True)


class Since(Text):
    """Cursor, or any RFC 3339 time."""

    def __init__(self, **options: Any) -> None:
        metadata = {"description": "An updatedAt, or any RFC 3339 time", "format": "date-time"}
        super().__init__(longest=64, metadata=metadata | options.pop("metadata", {}), **options)


class PullQuery(Strict):
    """Query of a pull."""

    since = Since()
    type = fields.String(validate=TYPES)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, PULL_STATES_MAX))
    exclude_self = fields.Boolean(load_default=False, data_key="excludeSelf")
    wait = fields.Float(
        validate=validate.Range(0, WAIT_SECONDS_MAX),
        metadata={"description": "Seconds to wait for a state"},
    )


class Sibling(Schema):
    """Refused concurrent version, stored beside the current one."""

    encryptedData = fields.String(required=True)  # noqa: N815 - the API's own spelling
    version = fields.String(required=True)
    vectorClock = fields.Raw(required=True, metadata=STORED_CLOCK)  # noqa: N815
    agentId = fields.String(required=True)  # noqa: N815
    deleted = fields.Boolean(required=True)


class EntityVersion(Sibling):
    """Current or past version of an entity."""

    type = fields.String(required=True)
    entityId = fields.String(required=True)  # noqa: N815
    updatedAt = fields.String(required=True, metadata={"format": "date-time"})  # noqa: N815


class State(EntityVersion):
    """Current version of an entity with its siblings."""

    siblings = fields.List(fields.Nested(Sibling), required=True)


class PullAnswer(Schema):
    """Page of states, oldest first."""

    states = fields.List(fields.Nested(State), required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815
    cursor = fields.String(required=True, metadata={"description": "The `since` of the next pull"})
    head = fields.String(required=True, metadata={"description": "The account's newest updatedAt"})
    syncHead = fields.String(  # noqa: N815
        required=True,
        allow_none=True,
        metadata={"description": "The chain's last link, for X-Sync-Head"},
    )
