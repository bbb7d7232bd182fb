"""Answers and queries of what looks at states more closely."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from engine.sync.limits import CHAIN_LINKS_MAX
from web.schemas.strict import Moment, Strict
from web.schemas.sync import CLOCK, Since, State, Version

__all__ = [
    "Chain",
    "ChainQuery",
    "Conflicts",
    "ConflictsQuery",
    "DigestAnswer",
    "History",
    "HistoryQuery",
    "LimitsAnswer",
    "State",
    "Usage",
]

HEX = validate.Regexp(r"^[0-9a-f]{64}$")


class HistoryQuery(Strict):
    """How many versions."""

    limit = fields.Integer(load_default=100, validate=validate.Range(1, 100))


class History(Schema):
    """An entity's versions, the current one first."""

    versions = fields.List(fields.Nested(Version), required=True)


class ConflictsQuery(Strict):
    """How many entities."""

    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class Conflict(Schema):
    """An entity that has siblings, and since when."""

    type = fields.String(required=True)
    entityId = fields.String(required=True)  # noqa: N815 - the API's own spelling
    siblings = fields.Integer(required=True)
    since = Moment(required=True)


class Conflicts(Schema):
    """Entities to be merged, those that wait longest first."""

    conflicts = fields.List(fields.Nested(Conflict), required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815


class LimitsAnswer(Schema):
    """What a request may carry and an account may keep; sizes in bytes."""

    bodyBytes = fields.Integer(required=True)  # noqa: N815 - the API's own spelling
    stateBytes = fields.Integer(required=True)  # noqa: N815
    batchChanges = fields.Integer(required=True)  # noqa: N815
    pullStates = fields.Integer(required=True)  # noqa: N815
    pullBytes = fields.Integer(required=True)  # noqa: N815
    chainLinks = fields.Integer(required=True)  # noqa: N815
    historyVersions = fields.Integer(required=True)  # noqa: N815
    quotaBytes = fields.Integer(required=True)  # noqa: N815
    requestsPerMinute = fields.Integer(required=True)  # noqa: N815
    streams = fields.Integer(required=True)


class Usage(Schema):
    """How much an account keeps; its states alone count against the quota."""

    states = fields.Integer(required=True)
    bytes = fields.Integer(required=True)
    quotaBytes = fields.Integer(required=True)  # noqa: N815
    siblings = fields.Integer(required=True)
    siblingBytes = fields.Integer(required=True)  # noqa: N815
    pastVersions = fields.Integer(required=True)  # noqa: N815
    pastBytes = fields.Integer(required=True)  # noqa: N815


class TypeDigest(Schema):
    """One type's states that are not deleted."""

    count = fields.Integer(required=True)
    hash = fields.String(required=True, validate=HEX)


class DigestAnswer(Schema):
    """Count and hash by type, of the types that have states, and where the account stood."""

    types = fields.Dict(keys=fields.String(), values=fields.Nested(TypeDigest), required=True)
    syncHead = fields.String(required=True, allow_none=True)  # noqa: N815


class ChainQuery(Strict):
    """Which links."""

    since = Since()
    limit = fields.Integer(
        load_default=CHAIN_LINKS_MAX, validate=validate.Range(1, CHAIN_LINKS_MAX)
    )


class Link(Schema):
    """An accepted change, all that its link was made from but for the data."""

    updatedAt = fields.String(required=True, metadata={"format": "date-time"})  # noqa: N815
    type = fields.String(required=True)
    entityId = fields.String(required=True)  # noqa: N815
    version = fields.String(required=True)
    vectorClock = fields.Raw(required=True, metadata=CLOCK)  # noqa: N815
    agentId = fields.String(required=True)  # noqa: N815
    deleted = fields.Boolean(required=True)
    dataHash = fields.String(required=True, validate=HEX)  # noqa: N815
    link = fields.String(required=True, validate=HEX)


class Chain(Schema):
    """Some links, oldest first."""

    genesis = fields.String(required=True, validate=HEX)
    links = fields.List(fields.Nested(Link), required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815
