"""Bodies of what an account's owner sees and changes."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from web.schemas.auth import KEY_LENGTH_MAX, PASSWORD_LENGTH_MAX, NewPassword, User
from web.schemas.strict import EXACTLY_ONE, Flag, Moment, Strict, Text

PAGE_MAX = 500


class LogoutRequest(Strict):
    """Which sessions to end."""

    all = Flag()


class SessionShown(Schema):
    """A session, as the account's owner sees it."""

    id = fields.UUID(required=True)
    agent_id = fields.String(required=True, allow_none=True, data_key="agentId")
    created_at = Moment(required=True, data_key="createdAt")
    refreshed_at = Moment(required=True, data_key="refreshedAt")
    proved_at = Moment(required=True, data_key="provedAt")
    amr = fields.List(fields.String(), required=True, metadata={"description": "RFC 8176"})
    pending = fields.Boolean(required=True, metadata={"description": "owes a second factor"})
    current = fields.Boolean(required=True, metadata={"description": "the one that asks"})


class Sessions(Schema):
    """An account's sessions."""

    sessions = fields.List(fields.Nested(SessionShown), required=True)


class AgentShown(Schema):
    """A device or program, as the account's owner sees it."""

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    created_at = Moment(required=True, data_key="createdAt")
    last_seen_at = Moment(required=True, data_key="lastSeenAt")
    revoked_at = Moment(required=True, allow_none=True, data_key="revokedAt")


class Agents(Schema):
    """An account's agents."""

    agents = fields.List(fields.Nested(AgentShown), required=True)


class AgentChange(Strict):
    """A new name, or none."""

    name = Text(required=True, allow_none=True, shortest=1, longest=128)


class Me(User):
    """An account, as its owner sees it in full."""

    created_at = Moment(required=True, data_key="createdAt")
    key_proved_at = Moment(required=True, allow_none=True, data_key="publicKeyProvedAt")


class MeChange(Strict):
    """What is to change."""

    document: ClassVar[dict[str, Any]] = {
        "minProperties": 1,
        "dependentRequired": {"password": ["currentPassword"], "currentPassword": ["password"]},
    }
    public_key = Text(longest=KEY_LENGTH_MAX, data_key="publicKey")
    password = NewPassword()
    current_password = Text(longest=PASSWORD_LENGTH_MAX, data_key="currentPassword")

    @validates_schema
    def _together(self, data: dict[str, str], **_options: object) -> None:
        if ("password" in data) != ("current_password" in data):
            raise ValidationError("password and currentPassword go together", "currentPassword")
        if not data:
            raise ValidationError("nothing to change")


class KeyTask(Schema):
    """What the public key's holder is to do: sign the one, or open the other."""

    to_sign = fields.String(
        required=True,
        allow_none=True,
        data_key="toSign",
        metadata={"description": "its UTF-8: Ed25519, or ECDSA P-256 with SHA-256"},
    )
    to_open = fields.String(
        required=True, allow_none=True, data_key="toOpen", metadata={"description": "a JWE"}
    )


class KeyProof(Strict):
    """What was done."""

    document = EXACTLY_ONE
    signature = Text(longest=256, metadata={"description": "base64url; of ECDSA, r and s"})
    opened = Text(longest=256, metadata={"description": "the text that was in the JWE"})

    @validates_schema
    def _one(self, data: dict[str, str], **_options: object) -> None:
        if len(data) != 1:
            raise ValidationError("either signature or opened is needed", "signature")


class AuditQuery(Strict):
    """A page of events."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE_MAX))
    before = fields.UUID(metadata={"description": "only events older than this one"})


class AuditEventShown(Schema):
    """Something that happened to an account's security."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    session_id = fields.UUID(required=True, allow_none=True, data_key="sessionId")
    agent_id = fields.String(required=True, allow_none=True, data_key="agentId")
    at = Moment(required=True)


class Trail(Schema):
    """Events, newest first."""

    events = fields.List(fields.Nested(AuditEventShown), required=True)
    has_more = fields.Boolean(required=True, data_key="hasMore")
