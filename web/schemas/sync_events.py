"""Schemas of the stream of change notifications and its tickets (`/api/sync/events`)."""

from __future__ import annotations

from marshmallow import Schema, fields

from web.schemas.strict import Moment, Strict, Text

SINCE = {
    "description": "Id of the last event; the header Last-Event-ID takes precedence",
    "format": "date-time",
}


class EventsQuery(Strict):
    """Query of a stream: its start, and a browser's ticket."""

    since = Text(longest=64, metadata=SINCE)
    ticket = Text(
        longest=128, metadata={"description": "Replaces the headers Authorization and X-Agent-ID"}
    )


class TicketAnswer(Schema):
    """Ticket that opens one stream in place of a token."""

    ticket = fields.String(required=True)
    expires_at = Moment(required=True, data_key="expiresAt")
