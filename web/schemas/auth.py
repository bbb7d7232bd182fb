"""Bodies of `/api/auth`."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from engine.accounts.passwords import LENGTH_MAX, LENGTH_MIN
from web.schemas.strict import Email, Strict, Text

PASSWORD_LENGTH_MAX = (
    1024  # the rule for new passwords is the engine's; this bounds the work of a refusal
)
KEY_LENGTH_MAX = 8192
TOKEN_LENGTH_MAX = 8192  # room for whatever is no token of ours: it is refused as such


class NewPassword(Text):
    """A password to be; how long it may be is told here, and judged by the engine once it is in NFC."""

    def __init__(self, **options: Any) -> None:
        metadata = {"minLength": LENGTH_MIN, "maxLength": LENGTH_MAX}
        super().__init__(longest=PASSWORD_LENGTH_MAX, metadata=metadata, **options)


class RegisterRequest(Strict):
    """A new account."""

    email = Email(required=True)
    password = NewPassword(required=True)
    public_key = Text(required=True, longest=KEY_LENGTH_MAX, data_key="publicKey")


class LoginRequest(Strict):
    """An account's credentials."""

    email = Text(required=True, longest=320)
    password = Text(required=True, longest=PASSWORD_LENGTH_MAX)
    mfa_code = Text(longest=64, data_key="mfaCode")


class RefreshRequest(Strict):
    """A refresh token to exchange."""

    refresh_token = Text(required=True, longest=TOKEN_LENGTH_MAX, data_key="refreshToken")


class User(Schema):
    """An account, as its owner sees it."""

    id = fields.UUID(required=True)
    email = fields.String(required=True)
    public_key = fields.String(required=True, data_key="publicKey")


class Tokens(Schema):
    """A pair of tokens."""

    access_token = fields.String(required=True, data_key="accessToken")
    refresh_token = fields.String(required=True, data_key="refreshToken")


class Entered(Tokens):
    """Tokens, and whose they are; with `mfaRequired` they are good for the second factor alone."""

    user = fields.Nested(User, required=True)
    mfa_required = fields.Boolean(data_key="mfaRequired")
