"""Bodies of `/api/secrets`."""

from __future__ import annotations

from marshmallow import Schema, fields

from web.schemas.strict import Moment, Strict, Value


class SecretChange(Strict):
    """A value, plain or sealed."""

    value = Value(
        required=True,
        allow_none=True,
        metadata={"description": "any JSON, which is sealed before it is stored, or a JWE of JSON"},
    )


class SecretShown(Schema):
    """A secret without its value, which nobody reads back."""

    name = fields.String(required=True)
    created_at = Moment(required=True, data_key="createdAt")
    updated_at = Moment(required=True, data_key="updatedAt")


class Secrets(Schema):
    """An account's secrets, by name."""

    secrets = fields.List(fields.Nested(SecretShown), required=True)
