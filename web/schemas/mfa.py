"""Bodies of the routes of second factors and step-up."""

from __future__ import annotations

from marshmallow import Schema, ValidationError, fields, validates_schema

from web.schemas.auth import PASSWORD_LENGTH_MAX
from web.schemas.strict import EXACTLY_ONE, Moment, Strict, Text

CODE_LENGTH_MAX = 64


class FactorNameRequest(Strict):
    """Display name of a factor."""

    name = Text(longest=128, shortest=1, load_default="Authenticator app")


class CodeRequest(Strict):
    """Code of an authenticator app."""

    code = Text(required=True, longest=CODE_LENGTH_MAX)


class CredentialRequest(Strict):
    """New passkey of a browser (RegistrationResponseJSON)."""

    credential = fields.Dict(required=True, keys=fields.String())
    name = Text(longest=128, shortest=1, load_default="Passkey")


class FactorProofRequest(Strict):
    """One-time or recovery code, or a passkey's answer (AuthenticationResponseJSON)."""

    document = EXACTLY_ONE
    code = Text(longest=CODE_LENGTH_MAX, shortest=1)
    credential = fields.Dict(keys=fields.String())

    @validates_schema
    def _check_members(self, data: dict[str, object], **_options: object) -> None:
        if len(data) != 1:
            raise ValidationError("either code or credential is needed", "code")


class StepUpRequest(Strict):
    """Password of the account."""

    password = Text(required=True, longest=PASSWORD_LENGTH_MAX)


class FactorResponse(Schema):
    """Second factor of the account."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, metadata={"description": "totp or passkey"})
    name = fields.String(required=True)
    created_at = Moment(required=True, data_key="createdAt")
    used_at = Moment(required=True, allow_none=True, data_key="usedAt")


class FactorsResponse(Schema):
    """Second factors of the account."""

    factors = fields.List(fields.Nested(FactorResponse), required=True)
    recovery_code_count = fields.Integer(
        required=True, data_key="recoveryCodes", metadata={"description": "how many are unused"}
    )


class TotpSecretResponse(Schema):
    """Secret for an authenticator app."""

    id = fields.UUID(required=True, attribute="factor.id")
    secret = fields.String(required=True, metadata={"description": "base32"})
    uri = fields.String(required=True, metadata={"description": "otpauth://, for a QR code"})


class RecoveryCodesResponse(Schema):
    """New recovery codes; no other answer contains them, and the old ones are invalid."""

    recovery_codes = fields.List(fields.String(), required=True, data_key="recoveryCodes")


class EnrolmentResponse(RecoveryCodesResponse):
    """Confirmed factor; the first one comes with recovery codes."""

    factor = fields.Nested(FactorResponse, required=True)
