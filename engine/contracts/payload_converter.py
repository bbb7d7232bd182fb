"""Payload converter: replies of executions pass Temporal as JWEs in a payload of their own.

It also tells the worker's workflows which arguments its codec found authentic (`commands`).
"""

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

from engine.contracts.commands import UNFIT, Command, refusal

SEALED_ENCODING = b"application/jose"  # of a payload that is a JWE to a reply key
REFUSED_ENCODING = b"refused"  # of what the worker's codec leaves of a payload that it refuses
# Metadata of commands. Their senders write the first two, the worker's codec the last one.
COMMAND, MESSAGE_ID, AUTHENTIC = "command", "message", "authentic"
YES, NO = b"yes", b"no"

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def reply_payload(jwe: str) -> RawValue:
    """Return a JWE as the payload that no codec touches."""
    return RawValue(Payload(metadata={"encoding": SEALED_ENCODING}, data=jwe.encode()))


class ReplyPayloadConverter(CompositePayloadConverter):
    """Default converter that also decodes JWE replies, as failed executions have them, to text."""

    def __init__(self) -> None:
        # The last one is for plain JSON; TYPED_JSON replaces it.
        *others, _ = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(_ReplyConverter(), _RefusalConverter(), *others, TYPED_JSON)


class _ReplyConverter(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        return SEALED_ENCODING.decode()

    def to_payload(self, value: Any) -> Payload | None:  # noqa: ARG002 - only `reply_payload` makes one
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ARG002
        return payload.data.decode()


class _RefusalConverter(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        return REFUSED_ENCODING.decode()

    def to_payload(self, value: Any) -> Payload | None:  # noqa: ARG002 - only the codec makes one
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:  # noqa: ARG002
        """Raise: the SDK fails the workflow, or drops the signal.

        :raises ApplicationError: of type REFUSED.
        """
        raise refusal()


class _TypedJson(JSONPlainPayloadConverter):
    """Converter of JSON that says of a command whether it is authentic.

    Its encoder is many times faster than the SDK's, because it runs on the worker's event loop. It
    decodes every value that it has encoded. How deep a value Python's decoder can read depends on
    the stack of its caller; a workflow task that cannot read an answer would fail for ever.
    """

    def to_payload(self, value: Any) -> Payload | None:
        """Return the payload of a value."""
        try:
            data = orjson.dumps(value, default=_Encoder().default, option=_OPTIONS)
        except TypeError:  # integers past 64 bits, or nested deeper than 254 levels
            return super().to_payload(value)
        return Payload(metadata={"encoding": self.encoding.encode()}, data=data)

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Return the value; UNFIT for a command to another workflow type or signal."""
        command = payload.metadata.get(COMMAND)
        if command is None:
            return self._decode(payload, type_hint)
        if not isinstance(type_hint, type) or not issubclass(type_hint, Command):
            return UNFIT
        if command != type_hint.command.encode():
            return UNFIT
        if payload.metadata.get(AUTHENTIC) == NO:
            return self._decode_without_authority(payload, type_hint)
        value: Command = self._decode(payload, type_hint)
        message_id = payload.metadata[MESSAGE_ID].decode()
        return dataclasses.replace(value, message_id=message_id, authentic=True)

    def _decode_without_authority(self, payload: Payload, type_hint: type[Command]) -> Command:
        """Return the command; UNFIT for a malformed one, as anybody can send one."""
        try:
            value: Command = self._decode(payload, type_hint)
        except Exception:  # noqa: BLE001 - an exception would repeat the workflow task for ever
            return UNFIT
        return dataclasses.replace(value.without_authority(), message_id="")

    def _decode(self, payload: Payload, type_hint: type | None) -> Any:
        try:
            return super().from_payload(payload, type_hint)
        except RecursionError:
            value = orjson.loads(payload.data)
            return value if type_hint is None else value_to_type(type_hint, value, [DATACLASSES])


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


DATACLASSES = _Dataclasses()
TYPED_JSON = _TypedJson(encoder=_Encoder, custom_type_converters=[DATACLASSES])
