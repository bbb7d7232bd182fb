"""Bodies of the routes of accounts, sessions, agents, audit log and public key."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import Schema, fields, validate, validates_schema
from marshmallow.exceptions import ValidationError

from web.schemas.auth import KEY_LENGTH_MAX, PASSWORD_LENGTH_MAX, NewPassword, UserResponse
from web.schemas.strict import EXACTLY_ONE, Flag, Moment, Strict, Text

PAGE_MAX = 500


class LogoutRequest(Strict):
    """Whether to end all sessions of the account."""

    all = Flag()


class SessionResponse(Schema):
    """Session of the account."""

    id = fields.UUID(required=True)
    agent_id = fields.String(required=True, allow_none=True, data_key="agentId")
    created_at = Moment(required=True, data_key="createdAt")
    refreshed_at = Moment(required=True, data_key="refreshedAt")
    proved_at = Moment(required=True, data_key="provedAt")
    amr = fields.List(fields.String(), required=True, metadata={"description": "RFC 8176"})
    pending = fields.Boolean(
        required=True, metadata={"description": "it still needs a second factor"}
    )
    current = fields.Boolean(required=True, metadata={"description": "the session of this request"})


class SessionsResponse(Schema):
    """Sessions of the account."""

    sessions = fields.List(fields.Nested(SessionResponse), required=True)
    has_more = fields.Boolean(required=True, data_key="hasMore")


class AgentResponse(Schema):
    """Device or program of the account."""

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    created_at = Moment(required=True, data_key="createdAt")
    last_seen_at = Moment(required=True, data_key="lastSeenAt")
    revoked_at = Moment(required=True, allow_none=True, data_key="revokedAt")


class AgentsResponse(Schema):
    """Agents of the account."""

    agents = fields.List(fields.Nested(AgentResponse), required=True)
    has_more = fields.Boolean(required=True, data_key="hasMore")


class AgentChangeRequest(Strict):
    """New name of an agent; null removes it."""

    name = Text(required=True, allow_none=True, shortest=1, longest=128)


class AccountResponse(UserResponse):
    """Account of this request."""

    created_at = Moment(required=True, data_key="createdAt")
    key_proved_at = Moment(required=True, allow_none=True, data_key="publicKeyProvedAt")


class AccountChangeRequest(Strict):
    """New public key or password of the account."""

    document: ClassVar[dict[str, Any]] = {
        "minProperties": 1,
        "dependentRequired": {"password": ["currentPassword"], "currentPassword": ["password"]},
    }
    public_key = Text(longest=KEY_LENGTH_MAX, data_key="publicKey")
    password = NewPassword()
    current_password = Text(longest=PASSWORD_LENGTH_MAX, data_key="currentPassword")

    @validates_schema
    def _check_members(self, data: dict[str, str], **_options: object) -> None:
        if ("password" in data) != ("current_password" in data):
            raise ValidationError(
                "password and currentPassword are needed together", "currentPassword"
            )
        if not data:
            raise ValidationError("at least one member is needed")


class KeyChallengeResponse(Schema):
    """Text to sign and JWE to decrypt, of which the owner does one."""

    to_sign = fields.String(
        required=True,
        allow_none=True,
        data_key="toSign",
        metadata={"description": "to sign as UTF-8: Ed25519, or ECDSA P-256 with SHA-256"},
    )
    to_open = fields.String(
        required=True, allow_none=True, data_key="toOpen", metadata={"description": "a JWE"}
    )


class KeyProofRequest(Strict):
    """Signature of the text, or plaintext of the JWE."""

    document = EXACTLY_ONE
    signature = Text(longest=256, metadata={"description": "base64url; for ECDSA r and s"})
    plaintext = Text(
        longest=256, data_key="opened", metadata={"description": "the plaintext of the JWE"}
    )

    @validates_schema
    def _check_members(self, data: dict[str, str], **_options: object) -> None:
        if len(data) != 1:
            raise ValidationError("either signature or opened is needed", "signature")


class AuditQuery(Strict):
    """Page of the audit log."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE_MAX))
    before = fields.UUID(metadata={"description": "only events older than this one"})


class AuditEventResponse(Schema):
    """Event that concerns the security of the account."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    session_id = fields.UUID(required=True, allow_none=True, data_key="sessionId")
    agent_id = fields.String(required=True, allow_none=True, data_key="agentId")
    at = Moment(required=True)


class AuditLogResponse(Schema):
    """Page of audit events, newest first."""

    events = fields.List(fields.Nested(AuditEventResponse), required=True)
    has_more = fields.Boolean(required=True, data_key="hasMore")
