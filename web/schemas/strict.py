"""Strict schema and fields: no unknown members, no coercion, no value that PostgreSQL refuses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, ClassVar

import orjson
from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, pre_load, validate

from engine.sync.clock import as_integer

MEMBERS_MAX = 100  # of an object; a body has room for hundreds of thousands
EXACTLY_ONE = {"minProperties": 1, "maxProperties": 1}


class Strict(Schema):
    """Schema of a body or query that refuses unknown members.

    `document` extends its JSON Schema with the dependencies between members.
    """

    document: ClassVar[dict[str, Any]] = {}

    class Meta:
        """Options of marshmallow: unknown members are refused."""

        unknown = RAISE

    @pre_load
    def _bound_members(self, data: Any, **_options: object) -> Any:
        """Refuse an object with too many members by one error, not by one for each."""
        if isinstance(data, Mapping) and len(data) > MEMBERS_MAX:
            raise ValidationError(f"Must have at most {MEMBERS_MAX} members.")
        return data


class Items(fields.List[Any]):
    """List whose length is checked before its items: a body has room for a million of them."""

    def __init__(self, item: Any, *, shortest: int, longest: int, **options: Any) -> None:
        super().__init__(item, validate=validate.Length(shortest, longest), **options)
        self._longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self._longest:
            raise ValidationError(f"Longer than maximum length {self._longest}.")
        items: list[Any] = super()._deserialize(value, attr, data, **options)
        return items


class Text(fields.String):
    """String that PostgreSQL can store: no NUL, no lone surrogate; lengths in characters."""

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
    """Any JSON value whose strings can be encoded as UTF-8."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        try:
            orjson.dumps(value)
        except TypeError:
            raise ValidationError("Must not contain a lone surrogate.") from None
        return super()._deserialize(value, attr, data, **options)


class Whole(fields.Integer):
    """Integer by its value, so that 1.0 is one and "1" is not."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        number = as_integer(value)
        if isinstance(number, bool) or not isinstance(number, int):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(number, attr, data, **kwargs)


class Flag(fields.Boolean):
    """JSON boolean, without coercion of other values."""

    def _deserialize(self, value: Any, *_context: Any, **_options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Moment(fields.DateTime):
    """Time as RFC 3339 text: UTC, microseconds and `Z`."""

    def _serialize(self, value: Any, *_context: Any, **_options: Any) -> str | None:
        if value is None:
            return None
        # strftime would write the year 79 with two digits.
        return value.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"  # type: ignore[no-any-return]


class Email(fields.Email):
    """Email address of at most 320 characters (RFC 3696), compared without case."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=validate.Length(max=320), **options)


class ProblemDocument(Schema):
    """Error answer (RFC 9457); some codes have further members."""

    class Meta:
        """Options of marshmallow: further members are allowed."""

        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "stable, snake_case"})
    requestId = fields.String(required=True)  # noqa: N815 - as the API spells it
    errors = fields.List(fields.Dict(keys=fields.String(), values=fields.String()))
