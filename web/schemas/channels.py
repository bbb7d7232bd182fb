"""Bodies of the routes of channels."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from engine.contracts import timestamps
from engine.notifications import endpoint_policy
from web.schemas.strict import Flag, Moment, Strict, Text

KEY_LENGTH_MAX = 88
ENDPOINT = {
    "pattern": endpoint_policy.PATTERN,
    "description": "https://, on a host with a public name",
}


class StampText(fields.String):
    """Integer stamp, written as RFC 3339 time."""

    def _serialize(self, value: Any, *_context: Any, **_options: Any) -> str | None:
        return None if value is None else timestamps.to_text(value)


class SubscriptionKeys(Strict):
    """Keys that encrypt messages to the browser (RFC 8291 section 3)."""

    p256dh = Text(
        required=True,
        shortest=87,
        longest=KEY_LENGTH_MAX,
        metadata={"description": "an uncompressed point of P-256, in base64url"},
    )
    auth = Text(
        required=True,
        shortest=22,
        longest=24,
        metadata={"pattern": "^[A-Za-z0-9_-]{21}[AQgw]={0,2}$"},
    )


class PushSubscription(Strict):
    """Result of PushSubscription.toJSON() in a browser."""

    endpoint = Text(required=True, longest=endpoint_policy.LENGTH_MAX, metadata=ENDPOINT)
    expiration_time = fields.Integer(
        allow_none=True,
        data_key="expirationTime",
        metadata={"description": "ignored: the push service reports the end of a subscription"},
    )
    keys = fields.Nested(SubscriptionKeys, required=True)


class ChannelRequest(Strict):
    """Address of a webhook, or subscription of a browser."""

    document: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {
                "properties": {"kind": {"const": "webhook"}},
                "required": ["url"],
                "not": {
                    "anyOf": [
                        {"required": [name]} for name in ("subscription", "applicationServerKey")
                    ]
                },
            },
            {
                "properties": {"kind": {"const": "webPush"}},
                "required": ["subscription"],
                "not": {"required": ["url"]},
            },
        ]
    }
    kind = fields.String(required=True, validate=validate.OneOf(["webPush", "webhook"]))
    url = Text(longest=endpoint_policy.LENGTH_MAX, metadata=ENDPOINT)
    subscription = fields.Nested(PushSubscription)
    application_server_key = Text(
        longest=KEY_LENGTH_MAX,
        data_key="applicationServerKey",
        metadata={"description": "the key that the browser subscribed to, if not the current one"},
    )

    @validates_schema
    def _check_members(self, data: dict[str, Any], **_options: object) -> None:
        required, foreign = "url", {"subscription", "application_server_key"} & set(data)
        if data.get("kind") == "webPush":
            required, foreign = "subscription", {"url"} & set(data)
        if required not in data:
            raise ValidationError(f"a channel of this kind needs {required}", required)
        if foreign:
            raise ValidationError("belongs to a channel of another kind", min(foreign))


class ChannelChangeRequest(Strict):
    """New state of a channel, or rotation of its secret."""

    document: ClassVar[dict[str, Any]] = {"minProperties": 1}
    state = fields.String(
        validate=validate.OneOf(["active", "paused"]),
        metadata={"description": "active resumes a channel that is paused, failing or dead"},
    )
    rotate_secret = Flag(
        data_key="rotateSecret",
        metadata={"description": "the previous secret signs too for 24 hours"},
    )

    @validates_schema
    def _check_not_empty(self, data: dict[str, Any], **_options: object) -> None:
        if not data:
            raise ValidationError("at least one member is needed")


class ChannelResponse(Schema):
    """Channel of the account."""

    id = fields.UUID(required=True)
    agent_id = fields.String(required=True, data_key="agentId")
    kind = fields.String(required=True, metadata={"description": "webPush or webhook"})
    endpoint = fields.String(required=True)
    state = fields.String(
        required=True, metadata={"description": "active, failing, dead or paused"}
    )
    failures = fields.Integer(required=True, metadata={"description": "since the last success"})
    last_delivered_at = Moment(required=True, allow_none=True, data_key="lastDeliveredAt")
    last_stamp = StampText(
        required=True,
        allow_none=True,
        data_key="lastStamp",
        metadata={"description": "the head in the last delivered notice"},
    )
    next_try_at = Moment(required=True, allow_none=True, data_key="nextTryAt")
    last_error = fields.String(
        required=True,
        allow_none=True,
        data_key="lastError",
        metadata={
            "description": "a code: timeout, unreachable, not_allowed, http_<status>, gone, …"
        },
    )
    created_at = Moment(required=True, data_key="createdAt")


class ChannelsResponse(Schema):
    """Channels of the account."""

    channels = fields.List(fields.Nested(ChannelResponse), required=True)
    has_more = fields.Boolean(required=True, data_key="hasMore")


class ChannelRegistrationResponse(Schema):
    """Channel, and its secret if that was just generated; no other answer contains it."""

    channel = fields.Nested(ChannelResponse, required=True)
    secret = fields.String(required=True, allow_none=True, metadata={"description": "whsec_…"})


class VapidKeyResponse(Schema):
    """Key that browsers subscribe to."""

    public_key = fields.String(
        required=True,
        allow_none=True,
        data_key="publicKey",
        metadata={
            "description": "applicationServerKey (RFC 8292); null where Web Push is not set up"
        },
    )
