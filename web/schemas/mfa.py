"""Bodies of second factors and proofs."""

from __future__ import annotations

from marshmallow import Schema, ValidationError, fields, validates_schema

from web.schemas.auth import PASSWORD_LENGTH_MAX
from web.schemas.strict import EXACTLY_ONE, Moment, Strict, Text

CODE_LENGTH_MAX = 64


class NameRequest(Strict):
    """What a person calls the factor."""

    name = Text(longest=128, shortest=1, load_default="Authenticator app")


class CodeRequest(Strict):
    """A code of an authenticator app."""

    code = Text(required=True, longest=CODE_LENGTH_MAX)


class CredentialRequest(Strict):
    """A passkey that was just made (RegistrationResponseJSON)."""

    credential = fields.Dict(required=True, keys=fields.String())
    name = Text(longest=128, shortest=1, load_default="Passkey")


class ProofRequest(Strict):
    """A second factor: a one-time or recovery code, or a passkey's answer (AuthenticationResponseJSON)."""

    document = EXACTLY_ONE
    code = Text(longest=CODE_LENGTH_MAX, shortest=1)
    credential = fields.Dict(keys=fields.String())

    @validates_schema
    def _one(self, data: dict[str, object], **_options: object) -> None:
        if len(data) != 1:
            raise ValidationError("either code or credential is needed", "code")


class StepUpRequest(Strict):
    """The password, once more."""

    password = Text(required=True, longest=PASSWORD_LENGTH_MAX)


class FactorShown(Schema):
    """A second factor, as the account's owner sees it."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, metadata={"description": "totp or passkey"})
    name = fields.String(required=True)
    created_at = Moment(required=True, data_key="createdAt")
    used_at = Moment(required=True, allow_none=True, data_key="usedAt")


class Roster(Schema):
    """An account's second factors."""

    factors = fields.List(fields.Nested(FactorShown), required=True)
    recovery_codes = fields.Integer(
        required=True, data_key="recoveryCodes", metadata={"description": "how many are left"}
    )


class Enrolment(Schema):
    """What an authenticator app takes in."""

    id = fields.UUID(required=True, attribute="factor.id")
    secret = fields.String(required=True, metadata={"description": "base32"})
    uri = fields.String(required=True, metadata={"description": "otpauth://, for a QR code"})


class RecoveryCodes(Schema):
    """New recovery codes, told this once; the old ones are good no more."""

    recovery_codes = fields.List(fields.String(), required=True, data_key="recoveryCodes")


class Confirmed(RecoveryCodes):
    """A factor that counts from now on; recovery codes come with the first."""

    factor = fields.Nested(FactorShown, required=True)
