"""The sealed answer of an execution on its way through Temporal, as a payload of its own."""

from __future__ import annotations

from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import CompositePayloadConverter, DefaultPayloadConverter, EncodingPayloadConverter

from engine.interpreter import contracts
from engine.interpreter.typed import TYPED_JSON


def sealed(jwe: str) -> RawValue:
    """Return a JWE as the payload that no codec touches."""
    return RawValue(Payload(metadata={"encoding": contracts.SEALED_ENCODING}, data=jwe.encode()))


class ReplyPayloadConverter(CompositePayloadConverter):
    """The default converter, and JWE replies as text: without it a failed execution cannot be decoded."""

    def __init__(self) -> None:
        *others, _ = DefaultPayloadConverter.default_encoding_payload_converters  # plain JSON comes last
        super().__init__(_Sealed(), *others, TYPED_JSON)


class _Sealed(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        return contracts.SEALED_ENCODING.decode()

    def to_payload(self, value: Any) -> Payload | None:  # noqa: ARG002 - only `sealed` makes one
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ARG002 - the same
        return payload.data.decode()
