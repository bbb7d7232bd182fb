"""Schemas of single states, conflicts, limits, usage, digests and the hash chain."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from engine.sync.change import CHAIN_LINKS_MAX
from web.schemas.strict import Moment, Strict
from web.schemas.sync import STORED_CLOCK, EntityVersion, Since, State

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
    """Query of an entity's history."""

    limit = fields.Integer(load_default=100, validate=validate.Range(1, 100))
    before = Since(metadata={"description": "versions older than this updatedAt"})


class History(Schema):
    """Versions of an entity, the newest first; a page ends before 8 MiB of data."""

    versions = fields.List(fields.Nested(EntityVersion), required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815 - the API's own spelling


class ConflictsQuery(Strict):
    """Query of the conflicts."""

    limit = fields.Integer(load_default=100, validate=validate.Range(1, 500))


class Conflict(Schema):
    """Entity with siblings, and the time of the oldest."""

    type = fields.String(required=True)
    entityId = fields.String(required=True)  # noqa: N815 - the API's own spelling
    siblings = fields.Integer(required=True)
    since = Moment(required=True)


class Conflicts(Schema):
    """Entities to merge, the oldest conflict first."""

    conflicts = fields.List(fields.Nested(Conflict), required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815


class LimitsAnswer(Schema):
    """Limits of requests and of an account's states; sizes in bytes."""

    bodyBytes = fields.Integer(required=True)  # noqa: N815 - the API's own spelling
    stateBytes = fields.Integer(required=True)  # noqa: N815
    batchChanges = fields.Integer(required=True)  # noqa: N815
    pullStates = fields.Integer(required=True)  # noqa: N815
    pullBytes = fields.Integer(required=True)  # noqa: N815
    conflictBytes = fields.Integer(required=True)  # noqa: N815
    chainLinks = fields.Integer(required=True)  # noqa: N815
    historyVersions = fields.Integer(required=True)  # noqa: N815
    quotaBytes = fields.Integer(required=True)  # noqa: N815
    requestsPerMinute = fields.Integer(required=True)  # noqa: N815
    streams = fields.Integer(required=True)


class Usage(Schema):
    """Amount that an account stores; `storedBytes` counts against the quota."""

    states = fields.Integer(required=True)
    bytes = fields.Integer(required=True)
    storedBytes = fields.Integer(  # noqa: N815
        required=True, metadata={"description": "everything, with 256 bytes for each row"}
    )
    workflowBytes = fields.Integer(  # noqa: N815
        required=True, metadata={"description": "of workflows, executions, schedules and events"}
    )
    quotaBytes = fields.Integer(required=True)  # noqa: N815
    siblings = fields.Integer(required=True)
    siblingBytes = fields.Integer(required=True)  # noqa: N815
    pastVersions = fields.Integer(required=True)  # noqa: N815
    pastBytes = fields.Integer(required=True)  # noqa: N815


class TypeDigest(Schema):
    """Count and hash of one type's states without tombstones."""

    count = fields.Integer(required=True)
    hash = fields.String(required=True, validate=HEX)


class DigestAnswer(Schema):
    """Count and hash of each type that has states, and the chain's last link."""

    types = fields.Dict(keys=fields.String(), values=fields.Nested(TypeDigest), required=True)
    syncHead = fields.String(required=True, allow_none=True)  # noqa: N815


class ChainQuery(Strict):
    """Query of the hash chain."""

    since = Since()
    limit = fields.Integer(
        load_default=CHAIN_LINKS_MAX, validate=validate.Range(1, CHAIN_LINKS_MAX)
    )


class ChainLink(Schema):
    """Accepted change with all members that its link was made from, but for the data."""

    updatedAt = fields.String(required=True, metadata={"format": "date-time"})  # noqa: N815
    type = fields.String(required=True)
    entityId = fields.String(required=True)  # noqa: N815
    version = fields.String(required=True)
    vectorClock = fields.Raw(required=True, metadata=STORED_CLOCK)  # noqa: N815
    agentId = fields.String(required=True)  # noqa: N815
    deleted = fields.Boolean(required=True)
    dataHash = fields.String(required=True, validate=HEX)  # noqa: N815
    link = fields.String(required=True, validate=HEX)


class Chain(Schema):
    """Page of links, oldest first."""

    genesis = fields.String(required=True, validate=HEX)
    links = fields.List(fields.Nested(ChainLink), required=True)
    hasMore = fields.Boolean(required=True)  # noqa: N815
