"""Bodies of registration, login and refresh."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from engine.accounts.passwords import LENGTH_MAX, LENGTH_MIN
from web.schemas.strict import Email, Strict, Text

# It bounds the work of a refusal; the engine checks the rules of new passwords.
PASSWORD_LENGTH_MAX = 1024
KEY_LENGTH_MAX = 8192
# Longer than any token of this platform, so that other texts are refused as invalid tokens.
TOKEN_LENGTH_MAX = 8192


class NewPassword(Text):
    """New password; the engine checks its documented length after normalization (NFC)."""

    def __init__(self, **options: Any) -> None:
        metadata = {"minLength": LENGTH_MIN, "maxLength": LENGTH_MAX}
        super().__init__(longest=PASSWORD_LENGTH_MAX, metadata=metadata, **options)


class RegisterRequest(Strict):
    """Email, password and public key of a new account."""

    email = Email(required=True)
    password = NewPassword(required=True)
    public_key = Text(required=True, longest=KEY_LENGTH_MAX, data_key="publicKey")


class LoginRequest(Strict):
    """Email and password of an account, and optionally a code of its second factor."""

    email = Text(required=True, longest=320)
    password = Text(required=True, longest=PASSWORD_LENGTH_MAX)
    mfa_code = Text(longest=64, data_key="mfaCode")


class RefreshRequest(Strict):
    """Refresh token to exchange."""

    refresh_token = Text(required=True, longest=TOKEN_LENGTH_MAX, data_key="refreshToken")


class UserResponse(Schema):
    """Account of a login."""

    id = fields.UUID(required=True)
    email = fields.String(required=True)
    public_key = fields.String(required=True, data_key="publicKey")


class TokenPair(Schema):
    """Access token and refresh token of a session."""

    access_token = fields.String(required=True, data_key="accessToken")
    refresh_token = fields.String(required=True, data_key="refreshToken")


class LoginResponse(TokenPair):
    """Account and its tokens; with `mfaRequired` they permit the routes of MFA alone."""

    user = fields.Nested(UserResponse, required=True)
    mfa_required = fields.Boolean(data_key="mfaRequired")
