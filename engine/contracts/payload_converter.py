"""The sealed answer of an execution on its way through Temporal, as a payload of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

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

from engine.contracts import executions


def sealed(jwe: str) -> RawValue:
    """Return a JWE as the payload that no codec touches."""
    return RawValue(Payload(metadata={"encoding": executions.SEALED_ENCODING}, data=jwe.encode()))


class ReplyPayloadConverter(CompositePayloadConverter):
    """The default converter, and JWE replies as text: without it a failed execution cannot be decoded."""

    def __init__(self) -> None:
        *others, _ = (
            DefaultPayloadConverter.default_encoding_payload_converters
        )  # plain JSON comes last
        super().__init__(_Sealed(), *others, TYPED_JSON)


class _Sealed(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        return executions.SEALED_ENCODING.decode()

    def to_payload(self, value: Any) -> Payload | None:  # noqa: ARG002 - only `sealed` makes one
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ARG002 - the same
        return payload.data.decode()


class _Encoder(AdvancedJSONEncoder):
    """Dataclasses member by member; the SDK would copy all that is in them first."""

    def default(self, o: Any) -> Any:
        """Return what stands for a value that is none of JSON's own."""
        if dataclasses.is_dataclass(o) and not isinstance(o, type):
            return {field.name: getattr(o, field.name) for field in dataclasses.fields(o)}
        return super().default(o)


class _Dataclasses(JSONTypeConverter):
    """Dataclasses by their fields; the SDK would evaluate a class's annotations anew at each value."""

    def to_typed_value(self, hint: type, value: Any) -> Any:
        """Return the dataclass; what it does not know is left out, as a newer sender's.

        :raises TypeError: when the value is no object, or lacks a field without a default.
        """
        if not dataclasses.is_dataclass(hint) or not isinstance(hint, type):
            return JSONTypeConverter.Unhandled
        if not isinstance(value, dict):
            raise TypeError(f"Expected an object for {hint.__name__}, was {type(value).__name__}")
        fields = _fields(hint)
        known = {name: value[name] for name in fields if name in value}
        return hint(**{name: _typed(fields[name], given) for name, given in known.items()})


def _typed(hint: Any, value: Any) -> Any:
    return value if hint is Any else value_to_type(hint, value, [DATACLASSES])


@cache
def _fields(hint: type) -> Mapping[str, Any]:
    hints = get_type_hints(hint)
    return {field.name: hints[field.name] for field in dataclasses.fields(hint)}


DATACLASSES = _Dataclasses()
TYPED_JSON = JSONPlainPayloadConverter(encoder=_Encoder, custom_type_converters=[DATACLASSES])
