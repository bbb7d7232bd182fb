"""Temporal's payloads, sealed: the server, its database and its UI hold ciphertext."""

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
# A JWE is sealed to somebody's public key already; nothing at all is what clients without a key can read.
LEFT_ALONE = {b"application/jose", b"binary/null"}
KEY_BYTES = 32
NONCE_BYTES = 12
KEYS_CACHED = 10_000


class UnreadablePayloadError(Exception):
    """A payload was altered, moved to another workflow, or sealed under a key we do not have."""


class Owners(Protocol):
    """Knows whose a workflow is, and the keys of accounts that still exist."""

    async def owner(self, workflow_id: str) -> UUID | None:
        """Return the account of a workflow, if it is known."""
        ...

    async def key(self, account_id: UUID) -> bytes:
        """Return an account's key.

        :raises EngineError: when there is none any more, or it does not open.
        """
        ...

    def remember(self, workflow_id: str, account_id: UUID) -> None:
        """Know the owner of a workflow from now on."""
        ...


@dataclass(frozen=True)
class SealingCodec(PayloadCodec, WithSerializationContext):
    """AES-256-GCM under a key of each workflow's own; the ids of all that makes it stand in the metadata.

    It is made of a key of the platform's and of the account's: when an account is deleted, its key is, and
    no copy of a history opens any more (crypto-shredding).
    """

    keys: Mapping[str, bytes]  # by kid; the first seals
    owners: Owners | None = None
    workflow_id: str = ""

    def with_context(self, context: SerializationContext) -> Self:
        """Return the codec bound to the workflow that a payload belongs to."""
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            return replace(self, workflow_id=context.workflow_id or "")
        return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each payload that is not sealed already."""
        return [await self._encode(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open each payload that we sealed; ids sent by web come unsealed.

        :raises UnreadablePayloadError: when one does not open here.
        """
        return [await self._decode(payload) for payload in payloads]

    async def _encode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") in LEFT_ALONE:
            return payload
        kid, bound = next(iter(self.keys)), self.workflow_id.encode()
        metadata = {"encoding": ENCODING, "kid": kid.encode(), "workflow": bound}
        owner = None if self.owners is None else await self.owners.owner(self.workflow_id)
        if owner is not None:
            metadata["account"] = str(owner).encode()
        nonce = os.urandom(NONCE_BYTES)
        cipher = _cipher(self.keys[kid], await self._account_key(metadata), bound)
        data = nonce + cipher.encrypt(nonce, payload.SerializeToString(), bound)
        return Payload(metadata=metadata, data=data)

    async def _decode(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        kid, bound = payload.metadata["kid"].decode(), payload.metadata["workflow"]
        if kid not in self.keys or (self.workflow_id and bound != self.workflow_id.encode()):
            raise UnreadablePayloadError(f"sealed under {kid!r}, or for another workflow")
        try:
            cipher = _cipher(self.keys[kid], await self._account_key(payload.metadata), bound)
            data = cipher.decrypt(payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], bound)
        except (InvalidTag, ValueError):
            raise UnreadablePayloadError("altered") from None
        if self.owners is not None and "account" in payload.metadata:
            self.owners.remember(bound.decode(), UUID(payload.metadata["account"].decode()))
        return Payload.FromString(data)

    async def _account_key(self, metadata: Mapping[str, bytes]) -> bytes | None:
        """Return the key of the account that is named; none was before payloads were sealed under one.

        :raises UnreadablePayloadError: when there is none any more.
        """
        if "account" not in metadata:
            return None
        try:
            if self.owners is not None:
                return await self.owners.key(UUID(metadata["account"].decode()))
        except EngineError:
            pass
        raise UnreadablePayloadError("sealed under the key of an account that is not here")


@lru_cache(KEYS_CACHED)
def _cipher(key: bytes, account_key: bytes | None, bound: bytes) -> AESGCM:
    """Return the cipher of one workflow (HKDF, RFC 5869): a nonce need be unique within it only."""
    info = b"temporal payload\0" + bound
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=account_key, info=info).derive(key))
