"""Codec of the worker: it decrypts what workers encrypted, and authenticates what comes plain.

Plain payloads come from web and the relay, as the argument of a workflow or a signal, with a MAC.
All others come from somebody who reaches Temporal and has none of our keys. The codec refuses them
without an exception: a payload must not keep a workflow task from ending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import structlog
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from engine.contracts.payload_converter import (
    AUTHENTIC,
    COMMAND,
    MESSAGE_ID,
    NO,
    REFUSED_ENCODING,
    YES,
)
from engine.contracts.workflow_ids import find_command_target
from engine.crypto.command_mac import CommandMessage
from engine.crypto.temporal_codec import (
    ENCODING,
    EncryptionCodec,
    ForgedPayloadError,
    UnreadablePayloadError,
)
from engine.observability import metrics

KEY_ID, MAC = "kid", "mac"  # metadata of a command, beside those of its converter
MEMBERS = {"encoding", COMMAND, MESSAGE_ID, KEY_ID, MAC}
NULL_ENCODING = b"binary/null"
log = structlog.get_logger()


@dataclass(frozen=True)
class CommandCodec(PayloadCodec, WithSerializationContext):
    """Codec that lets through what a key of ours authenticates.

    A command under an unknown key loses its authority instead: the workflow replays, if an earlier
    worker accepted it, and no activity acts on it. So a key may be retired at any time.
    """

    encryption: EncryptionCodec
    keys: Mapping[str, bytes]  # by kid
    workflow_id: str | None = None  # None where no command may be, as in activities

    def with_context(self, context: SerializationContext) -> Self:
        """Return the codec bound to the workflow that a payload belongs to."""
        workflow_id = None
        if isinstance(context, WorkflowSerializationContext):
            workflow_id = context.workflow_id
        encryption = self.encryption.with_context(context)
        return replace(self, encryption=encryption, workflow_id=workflow_id)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each payload that is not encrypted yet."""
        return await self.encryption.encode(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt or authenticate each payload; what is neither becomes a refusal.

        :raises UnreadablePayloadError: when a key is missing that decrypts a payload.
        """
        return [await self._decode(payload) for payload in payloads]

    async def _decode(self, payload: Payload) -> Payload:
        encoding = payload.metadata.get("encoding")
        if encoding == NULL_ENCODING:
            return payload
        if encoding != ENCODING:
            return self._authenticate(payload)
        try:
            (plain,) = await self.encryption.decode([payload])
        except ForgedPayloadError:
            return self._refuse("forged")
        except UnreadablePayloadError:
            self._count("unreadable")
            raise
        return plain

    def _authenticate(self, payload: Payload) -> Payload:
        metadata = payload.metadata
        if self.workflow_id is None or not metadata.keys() >= MEMBERS:
            return self._refuse("plain")
        message = CommandMessage(
            command=metadata[COMMAND],
            target=find_command_target(self.workflow_id).encode(),
            message_id=metadata[MESSAGE_ID],
            encoding=metadata["encoding"],
            data=payload.data,
        )
        key = self.keys.get(metadata[KEY_ID].decode(errors="replace"))
        if key is not None and not message.is_authentic(key, metadata[MAC]):
            return self._refuse("forged")
        if key is None:
            self._count("unknown_key")
        converted = {name: metadata[name] for name in ("encoding", COMMAND, MESSAGE_ID)}
        converted[AUTHENTIC] = NO if key is None else YES
        return Payload(metadata=converted, data=payload.data)

    def _refuse(self, reason: str) -> Payload:
        self._count(reason)
        return Payload(metadata={"encoding": REFUSED_ENCODING})

    def _count(self, reason: str) -> None:
        metrics.COMMAND_REFUSALS.labels(reason).inc()
        log.warning("command_refused", reason=reason, workflow=self.encryption.workflow_id)
