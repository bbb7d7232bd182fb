"""Bodies and queries of `/api/sync`."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from web.schemas.strict import Strict, Text

TYPES = validate.OneOf(["workflow", "agent", "settings"])
CLOCK = {
    "description": "agent id → counter, 1 to 64 entries",
    "type": "object",
    "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
    "minProperties": 1,
    "maxProperties": 64,
}
# What marshmallow's translation to JSON Schema leaves out.
CLOCK_OF_AGENTS = {"properties": {"vectorClock": {"propertyNames": {"pattern": "^[\\x21-\\x7e]{1,128}$"}}}}
SINCE = {"description": "an updatedAt, or any RFC 3339 time", "format": "date-time"}
DATA_LENGTH_MAX = 4 * 1_048_576  # what a body can hold; the limit of a state is a setting


class PushRequest(Strict):
    """One version of one entity."""

    document = CLOCK_OF_AGENTS
    type = fields.String(required=True, validate=TYPES)
    entity_id = Text(required=True, shortest=1, longest=256, data_key="entityId")
    encrypted_data = Text(required=True, longest=DATA_LENGTH_MAX, data_key="encryptedData")
    version = Text(required=True, longest=256)
    vector_clock = fields.Raw(required=True, data_key="vectorClock", metadata=CLOCK)


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


class State(Sibling):
    """An entity's current version."""

    type = fields.String(required=True)
    entityId = fields.String(required=True)  # noqa: N815
    updatedAt = fields.String(required=True, metadata={"format": "date-time"})  # noqa: N815
    deleted = fields.Boolean(required=True)
    siblings = fields.List(fields.Nested(Sibling), required=True)


class PullAnswer(Schema):
    """A page of states, oldest first."""

    states = fields.List(fields.Nested(State), required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815
    cursor = fields.String(required=True, metadata={"description": "the next pull's since"})
    head = fields.String(required=True, metadata={"description": "the account's newest stamp"})
