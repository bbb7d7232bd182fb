"""Keys at rest, in three layers: keyring, account's key, data key of each value."""

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
    """Keys by kid that wrap other keys; the first one wraps new keys."""

    keys: Mapping[str, bytes]

    def wrap(self, key: bytes, owner_id: UUID) -> str:
        """Return a key as `<kid>.<base64url>`, encrypted with the current key of the ring.

        `owner_id` is the id of the account or row that the key belongs to.
        """
        kid = next(iter(self.keys))
        return f"{kid}.{_encrypt(self.keys[kid], key, owner_id.bytes)}"

    def unwrap(self, wrapped_key: str, owner_id: UUID) -> bytes:
        """Return the key.

        :raises InvalidError: `key_unopenable`.
        """
        kid, _, text = wrapped_key.partition(".")
        if kid not in self.keys:
            raise InvalidError("key_unopenable", f"The keyring has no key {kid!r}.")
        return _decrypt(self.keys[kid], text, owner_id.bytes)

    def is_current(self, wrapped_key: str) -> bool:
        """Return whether the ring's current key wrapped this key."""
        return wrapped_key.partition(".")[0] == next(iter(self.keys))


def fingerprint(account_key: bytes, *words: str) -> str:
    """Return an HMAC of words (RFC 2104): equal words have equal ones, which do not reveal them."""
    message = json.dumps(["mark", *words]).encode()
    digest = hmac.digest(account_key, message, "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def seal_value(account_key: bytes, plaintext: bytes, *, bound_to: UUID) -> str:
    """Return a value encrypted with a new data key, and that key with the account's key.

    `bound_to` is the id of the row: the ciphertext cannot be decrypted in another one.
    """
    data_key = os.urandom(KEY_BYTES)
    wrapped_key = _encrypt(account_key, data_key, bound_to.bytes)
    return f"{wrapped_key}.{_encrypt(data_key, plaintext, bound_to.bytes)}"


def open_value(account_key: bytes, ciphertext: str, *, bound_to: UUID) -> bytes:
    """Return the value.

    :raises InvalidError: `key_unopenable`, when it was altered, moved to another row, or
        encrypted with another key.
    """
    wrapped_key, _, text = ciphertext.partition(".")
    data_key = _decrypt(account_key, wrapped_key, bound_to.bytes)
    return _decrypt(data_key, text, bound_to.bytes)


def _encrypt(key: bytes, plaintext: bytes, associated_data: bytes) -> str:
    nonce = os.urandom(NONCE_BYTES)
    data = nonce + AESGCM(key).encrypt(nonce, plaintext, associated_data)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decrypt(key: bytes, text: str, associated_data: bytes) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    try:
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], associated_data)
    except InvalidTag:
        detail = "The value cannot be decrypted with this key."
        raise InvalidError("key_unopenable", detail) from None
