"""Temporal's payloads, sealed: the server, its database and its UI hold ciphertext."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

ENCODING = b"binary/encrypted"
# A JWE is sealed to somebody's public key already; nothing at all is what clients without a key can read.
LEFT_ALONE = {b"application/jose", b"binary/null"}
KEY_BYTES = 32
NONCE_BYTES = 12
KEYS_CACHED = 10_000


class UnreadablePayloadError(Exception):
    """A payload was altered, moved to another workflow, or sealed under a key we do not have."""


@dataclass(frozen=True)
class SealingCodec(PayloadCodec, WithSerializationContext):
    """AES-256-GCM under a key of each workflow's own; the ids of both stand in the metadata."""

    keys: Mapping[str, bytes]  # by kid; the first seals
    workflow_id: str = ""

    def with_context(self, context: SerializationContext) -> Self:
        """Return the codec bound to the workflow that a payload belongs to."""
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return replace(self, workflow_id=context.workflow_id or "")
        return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each payload that is not sealed already."""
        return [self._encode(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open each payload that we sealed; ids sent by web come unsealed.

        :raises UnreadablePayloadError: when one does not open here.
        """
        return [self._decode(payload) for payload in payloads]

    def _encode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") in LEFT_ALONE:
            return payload
        kid, bound = next(iter(self.keys)), self.workflow_id.encode()
        nonce = os.urandom(NONCE_BYTES)
        data = nonce + _cipher(self.keys[kid], bound).encrypt(nonce, payload.SerializeToString(), bound)
        return Payload(metadata={"encoding": ENCODING, "kid": kid.encode(), "workflow": bound}, data=data)

    def _decode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        kid, bound = payload.metadata["kid"].decode(), payload.metadata["workflow"]
        if kid not in self.keys or (self.workflow_id and bound != self.workflow_id.encode()):
            raise UnreadablePayloadError(f"sealed under {kid!r}, or for another workflow")
        try:
            data = _cipher(self.keys[kid], bound).decrypt(
                payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], bound
            )
        except InvalidTag:
            raise UnreadablePayloadError("altered") from None
        return Payload.FromString(data)


@lru_cache(KEYS_CACHED)
def _cipher(key: bytes, bound: bytes) -> AESGCM:
    """Return the cipher of one workflow (HKDF, RFC 5869): a nonce need be unique within it only."""
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=None, info=b"temporal payload\0" + bound).derive(key))
