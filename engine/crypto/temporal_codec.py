"""Payload codec that encrypts: Temporal's server, database and UI see ciphertext only."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, Self
from uuid import UUID

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

from engine.errors import EngineError

ENCODING = b"binary/encrypted"
# A JWE is encrypted already. Clients without a key have to read that a payload is null.
PLAIN_ENCODINGS = {b"application/jose", b"binary/null"}
KEY_BYTES = 32
NONCE_BYTES = 12
KEYS_CACHED = 10_000


class UnreadablePayloadError(Exception):
    """A payload was altered, moved to another workflow, or encrypted with an unknown key."""


class ForgedPayloadError(UnreadablePayloadError):
    """No worker encrypted the payload for this workflow, or somebody altered it."""


class OwnerDirectory(Protocol):
    """Directory of the accounts of Temporal workflows and of the accounts' keys."""

    async def owner(self, workflow_id: str) -> UUID | None:
        """Return the account of a workflow, None if it has none."""
        ...

    async def key(self, account_id: UUID) -> bytes:
        """Return an account's key.

        :raises EngineError: when it was deleted or cannot be unwrapped.
        """
        ...

    def remember(self, workflow_id: str, account_id: UUID) -> None:
        """Store the account of a workflow."""
        ...


@dataclass(frozen=True)
class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Codec with AES-256-GCM and one key per workflow.

    The key is derived from a key of the platform and the account's key; a payload's metadata names
    both. When an account is deleted, its key is too, so no copy of a history can be decrypted any
    more (crypto-shredding).
    """

    keys: Mapping[str, bytes]  # by kid; the first one encrypts
    owners: OwnerDirectory | None = None
    workflow_id: str = ""

    def with_context(self, context: SerializationContext) -> Self:
        """Return the codec bound to the workflow that a payload belongs to."""
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return replace(self, workflow_id=context.workflow_id or "")
        return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt each payload that is not encrypted yet."""
        return [await self._encode(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt each payload that this codec encrypted; web sends ids in plain text.

        :raises UnreadablePayloadError: when a payload cannot be decrypted.
        """
        return [await self._decode(payload) for payload in payloads]

    async def _encode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") in PLAIN_ENCODINGS:
            return payload
        kid, workflow_id = next(iter(self.keys)), self.workflow_id.encode()
        metadata = {"encoding": ENCODING, "kid": kid.encode(), "workflow": workflow_id}
        owner = None if self.owners is None else await self.owners.owner(self.workflow_id)
        if owner is not None:
            metadata["account"] = str(owner).encode()
        nonce = os.urandom(NONCE_BYTES)
        cipher = _cipher(self.keys[kid], await self._account_key(metadata), workflow_id)
        data = nonce + cipher.encrypt(nonce, payload.SerializeToString(), workflow_id)
        return Payload(metadata=metadata, data=data)

    async def _decode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        metadata = payload.metadata
        kid, workflow_id = metadata["kid"].decode(errors="replace"), metadata["workflow"]
        if self.workflow_id and workflow_id != self.workflow_id.encode():
            raise ForgedPayloadError("encrypted for another workflow")
        if kid not in self.keys:
            raise UnreadablePayloadError(f"encrypted with {kid!r}")
        nonce, ciphertext = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            cipher = _cipher(self.keys[kid], await self._account_key(metadata), workflow_id)
            data = cipher.decrypt(nonce, ciphertext, workflow_id)
        except (InvalidTag, ValueError):
            raise ForgedPayloadError("altered") from None
        if self.owners is not None and "account" in metadata:
            self.owners.remember(workflow_id.decode(), UUID(metadata["account"].decode()))
        return Payload.FromString(data)

    async def _account_key(self, metadata: Mapping[str, bytes]) -> bytes | None:
        """Return the key of the account that the metadata names, None without an account.

        :raises UnreadablePayloadError: when the account was deleted.
        """
        if "account" not in metadata:
            return None
        try:
            if self.owners is not None:
                return await self.owners.key(UUID(metadata["account"].decode()))
        except EngineError:
            pass
        raise UnreadablePayloadError("encrypted with the key of an unknown account")


@lru_cache(KEYS_CACHED)
def _cipher(key: bytes, account_key: bytes | None, workflow_id: bytes) -> AESGCM:
    """Derive the cipher of one workflow (HKDF, RFC 5869); nonces are unique within it."""
    info = b"temporal payload\0" + workflow_id
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=account_key, info=info).derive(key))
