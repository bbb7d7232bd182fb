"""Values at rest: each under a key of its own, that under the account's key, and that under the keyring."""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.errors import InvalidError

KEY_BYTES = 32
NONCE_BYTES = 12  # NIST SP 800-38D section 5.2.1.1


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys that wrap accounts' keys, by kid; the first wraps new ones."""

    keys: Mapping[str, bytes]

    def wrap(self, key: bytes, account_id: UUID) -> str:
        """Return an account's key as `<kid>.<base64url>` under the current key of the ring."""
        kid = next(iter(self.keys))
        return f"{kid}.{_encrypt(self.keys[kid], key, account_id.bytes)}"

    def unwrap(self, wrapped: str, account_id: UUID) -> bytes:
        """Return the account's key.

        :raises InvalidError: `key_unopenable`.
        """
        kid, _, text = wrapped.partition(".")
        if kid not in self.keys:
            raise InvalidError("key_unopenable", f"The keyring has no key {kid!r}.")
        return _decrypt(self.keys[kid], text, account_id.bytes)

    def is_current(self, wrapped: str) -> bool:
        """Tell whether an account's key is wrapped by the ring's current key."""
        return wrapped.partition(".")[0] == next(iter(self.keys))


def mark(account_key: bytes, *words: str) -> str:
    """Return what tells alike words from others without showing them: an HMAC (RFC 2104) under the key."""
    told = json.dumps(["mark", *words]).encode()
    return base64.urlsafe_b64encode(hmac.digest(account_key, told, "sha256")).decode().rstrip("=")


def seal_value(account_key: bytes, plaintext: bytes, *, bound_to: UUID) -> str:
    """Return a value under a fresh key, and that key under the account's, bound to the id of its row."""
    dek = os.urandom(KEY_BYTES)
    return (
        f"{_encrypt(account_key, dek, bound_to.bytes)}.{_encrypt(dek, plaintext, bound_to.bytes)}"
    )


def open_value(account_key: bytes, sealed: str, *, bound_to: UUID) -> bytes:
    """Return the value.

    :raises InvalidError: `key_unopenable`, when it was altered, moved, or sealed under another key.
    """
    wrapped, _, text = sealed.partition(".")
    return _decrypt(_decrypt(account_key, wrapped, bound_to.bytes), text, bound_to.bytes)


def _encrypt(key: bytes, plaintext: bytes, bound: bytes) -> str:
    nonce = os.urandom(NONCE_BYTES)
    data = nonce + AESGCM(key).encrypt(nonce, plaintext, bound)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decrypt(key: bytes, text: str, bound: bytes) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    try:
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound)
    except InvalidTag:
        raise InvalidError("key_unopenable", "The value does not open under this key.") from None
