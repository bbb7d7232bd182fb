"""Bodies of `/api/secrets`."""

from __future__ import annotations

from marshmallow import Schema, fields

from web.schemas.strict import Moment, Strict, Value


class SecretChange(Strict):
    """Value of a secret, in plaintext or as a JWE."""

    value = Value(
        required=True,
        allow_none=True,
        metadata={
            "description": "any JSON, which is encrypted before it is stored, or a JWE of JSON"
        },
    )


class SecretShown(Schema):
    """Secret without its value, which no answer contains."""

    name = fields.String(required=True)
    created_at = Moment(required=True, data_key="createdAt")
    updated_at = Moment(required=True, data_key="updatedAt")


class SecretsSchema(Schema):
    """Secrets of an account, by name."""

    secrets = fields.List(fields.Nested(SecretShown), required=True)
