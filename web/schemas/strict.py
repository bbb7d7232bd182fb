"""What every body has in common: nothing unknown, nothing coerced, nothing the database cannot hold."""

from __future__ import annotations

from datetime import UTC
from typing import Any, ClassVar

import orjson
from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, validate

from engine.sync.clock import as_integer

EXACTLY_ONE = {"minProperties": 1, "maxProperties": 1}


class Strict(Schema):
    """A body or query whose unknown members are refused.

    `document` is what its JSON Schema says beyond its members, where members depend on each other.
    """

    document: ClassVar[dict[str, Any]] = {}

    class Meta:
        """Refuse, do not drop."""

        unknown = RAISE


class Text(fields.String):
    """A string that PostgreSQL can hold: no NUL, no lone surrogate; sizes in characters."""

    def __init__(self, *, shortest: int = 0, longest: int, **options: Any) -> None:
        metadata = {"pattern": "^[^\\u0000]*$"} | options.pop("metadata", {})
        super().__init__(validate=validate.Length(shortest, longest), metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **options)
        if "\0" in text:
            raise ValidationError("Must not contain NUL.")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValidationError("Must not contain a lone surrogate.") from None
        return text


class Value(fields.Raw):
    """Any JSON whose text is Unicode: of RFC 8259's strings those that can be written as UTF-8."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        try:
            orjson.dumps(value)
        except TypeError:
            raise ValidationError("Must not contain a lone surrogate.") from None
        return super()._deserialize(value, attr, data, **options)


class Whole(fields.Integer):
    """An integer by its value."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        whole = as_integer(value)
        if isinstance(whole, bool) or not isinstance(whole, int):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(whole, attr, data, **kwargs)


class Flag(fields.Boolean):
    """A JSON boolean, and nothing that looks like one."""

    def _deserialize(self, value: Any, *_context: Any, **_options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Moment(fields.DateTime):
    """RFC 3339, UTC, microseconds and `Z`."""

    def _serialize(self, value: Any, *_context: Any, **_options: Any) -> str | None:
        if value is None:
            return None
        # Not by strftime, which writes the year 79 with two digits.
        return value.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"  # type: ignore[no-any-return]


class Email(fields.Email):
    """An address: at most 320 characters (RFC 3696), compared without case."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Length(max=320), **options)


class Problem(Schema):
    """An error answer (RFC 9457); some codes bring members of their own."""

    class Meta:
        """Others may be there too."""

        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "stable, snake_case"})
    requestId = fields.String(required=True)  # noqa: N815 - the API's own spelling
    errors = fields.List(fields.Dict(keys=fields.String(), values=fields.String()))
