"""Bodies of channels."""

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
    """A stamp as clients see it."""

    def _serialize(self, value: Any, *_context: Any, **_options: Any) -> str | None:
        return None if value is None else timestamps.to_text(value)


class SubscriptionKeys(Strict):
    """What a message to the browser is encrypted with (RFC 8291 section 3)."""

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


class Subscription(Strict):
    """PushSubscription.toJSON() as a browser gives it."""

    endpoint = Text(required=True, longest=endpoint_policy.LENGTH_MAX, metadata=ENDPOINT)
    expiration_time = fields.Integer(
        allow_none=True,
        data_key="expirationTime",
        metadata={
            "description": "not needed: the push service says when the subscription has ended"
        },
    )
    keys = fields.Nested(SubscriptionKeys, required=True)


class ChannelRequest(Strict):
    """A webhook's address, or a browser's subscription."""

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
    subscription = fields.Nested(Subscription)
    application_server_key = Text(
        longest=KEY_LENGTH_MAX,
        data_key="applicationServerKey",
        metadata={
            "description": "what the browser subscribed to, when that is not the current key"
        },
    )

    @validates_schema
    def _together(self, data: dict[str, Any], **_options: object) -> None:
        wanted, other = ("url", {"subscription", "application_server_key"})
        if data.get("kind") == "webPush":
            wanted, other = ("subscription", {"url"})
        if wanted not in data:
            raise ValidationError(f"a channel of this kind needs {wanted}", wanted)
        if other & set(data):
            raise ValidationError("belongs to a channel of another kind", min(other & set(data)))


class ChannelChange(Strict):
    """What is to change."""

    document: ClassVar[dict[str, Any]] = {"minProperties": 1}
    state = fields.String(
        validate=validate.OneOf(["active", "paused"]),
        metadata={"description": "active begins anew with one that is paused, failing or dead"},
    )
    rotate_secret = Flag(
        data_key="rotateSecret",
        metadata={"description": "a new one; the last signs too for 24 hours"},
    )

    @validates_schema
    def _some(self, data: dict[str, Any], **_options: object) -> None:
        if not data:
            raise ValidationError("nothing to change")


class ChannelShown(Schema):
    """A channel, as the account's owner sees it."""

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
        metadata={"description": "the head that the last delivered notice told of"},
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


class Channels(Schema):
    """An account's channels."""

    channels = fields.List(fields.Nested(ChannelShown), required=True)


class ChannelAnswer(Schema):
    """A channel; its secret is told when it is drawn, and never again."""

    channel = fields.Nested(ChannelShown, required=True)
    secret = fields.String(required=True, allow_none=True, metadata={"description": "whsec_…"})


class PushKey(Schema):
    """What a browser subscribes to."""

    public_key = fields.String(
        required=True,
        allow_none=True,
        data_key="publicKey",
        metadata={
            "description": "applicationServerKey (RFC 8292); null where Web Push is not set up"
        },
    )
