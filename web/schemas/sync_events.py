"""Queries and answers of `/api/sync/events`."""

from __future__ import annotations

from marshmallow import Schema, fields

from web.schemas.strict import Moment, Strict, Text

SINCE = {
    "description": "the id of the last event; Last-Event-ID goes before it",
    "format": "date-time",
}


class EventsQuery(Strict):
    """From where on, and in a browser by which ticket."""

    since = Text(longest=64, metadata=SINCE)
    ticket = Text(longest=128, metadata={"description": "in place of Authorization and X-Agent-ID"})


class TicketAnswer(Schema):
    """What opens one stream instead of a token."""

    ticket = fields.String(required=True)
    expires_at = Moment(required=True, data_key="expiresAt")
