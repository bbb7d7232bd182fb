"""Payload converter: replies of executions pass Temporal as JWEs in a payload of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

import orjson
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import (
    AdvancedJSONEncoder,
    CompositePayloadConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
    JSONTypeConverter,
    value_to_type,
)

SEALED_ENCODING = b"application/jose"  # of a payload that is a JWE to a reply key


def reply_payload(jwe: str) -> RawValue:
    """Return a JWE as the payload that no codec touches."""
    return RawValue(Payload(metadata={"encoding": SEALED_ENCODING}, data=jwe.encode()))


class ReplyPayloadConverter(CompositePayloadConverter):
    """Default converter that also decodes JWE replies, as failed executions have them, to text."""

    def __init__(self) -> None:
        # The last one is for plain JSON; TYPED_JSON replaces it.
        *others, _ = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(_ReplyConverter(), *others, TYPED_JSON)


class _ReplyConverter(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        return SEALED_ENCODING.decode()

    def to_payload(self, value: Any) -> Payload | None:  # noqa: ARG002 - only `reply_payload` makes one
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ARG002
        return payload.data.decode()


class _Encoder(AdvancedJSONEncoder):
    """Encodes dataclasses member by member; the SDK would copy their whole content first."""

    def default(self, o: Any) -> Any:
        """Return the JSON value of an object that JSON does not have."""
        if dataclasses.is_dataclass(o) and not isinstance(o, type):
            return {field.name: getattr(o, field.name) for field in dataclasses.fields(o)}
        return super().default(o)


class _Dataclasses(JSONTypeConverter):
    """Decodes dataclasses; the SDK would evaluate a class's annotations again for each value."""

    def to_typed_value(self, hint: type, value: Any) -> Any:
        """Return the dataclass; members that it does not have, as of a newer sender, are left out.

        :raises TypeError: when the value is no object, or lacks a field without a default.
        """
        if not dataclasses.is_dataclass(hint) or not isinstance(hint, type):
            return JSONTypeConverter.Unhandled
        if not isinstance(value, dict):
            raise TypeError(f"Expected an object for {hint.__name__}, was {type(value).__name__}")
        fields = _fields(hint)
        members = {name: value[name] for name in fields if name in value}
        return hint(**{name: _typed(fields[name], member) for name, member in members.items()})


def _typed(hint: Any, value: Any) -> Any:
    return value if hint is Any else value_to_type(hint, value, [DATACLASSES])


@cache
def _fields(hint: type) -> Mapping[str, Any]:
    hints = get_type_hints(hint)
    return {field.name: hints[field.name] for field in dataclasses.fields(hint)}


class _TypedJsonConverter(JSONPlainPayloadConverter):
    """Converter that decodes every value that it has encoded.

    How deep a value Python's decoder can read depends on the stack of its caller. A workflow task
    that cannot read an activity's answer would fail for ever.
    """

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Return the value of a payload."""
        try:
            return super().from_payload(payload, type_hint)
        except RecursionError:
            value = orjson.loads(payload.data)
            return value if type_hint is None else value_to_type(type_hint, value, [DATACLASSES])


DATACLASSES = _Dataclasses()
TYPED_JSON = _TypedJsonConverter(encoder=_Encoder, custom_type_converters=[DATACLASSES])
