"""Encryption for Web Push (RFC 8291): only the browser can read what a push service delivers."""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.errors import Fault, InvalidError

AUTH_BYTES = 16  # RFC 8291 section 3.2
SALT_BYTES = 16
# RFC 8291 section 4: one record, and no push service has to accept a larger one.
RECORD_BYTES = 4096
DELIMITER = b"\x02"  # the delimiter of the last record (RFC 8188 section 2)
# All notices have the same length, so that a push service cannot infer which types changed.
PADDED_BYTES = 256


def parse_keys(public_key: str, auth: str, pointer: str) -> bytes:
    """Check both keys of a subscription and return its secret.

    :raises InvalidError: when a key does not have the form of RFC 8291 section 3 (base64url).
    """
    faults = []
    try:
        _parse_point(decode_base64url(public_key))
    except ValueError:
        faults.append(
            Fault(f"{pointer}/p256dh", "must be an uncompressed point of P-256 in base64url")
        )
    try:
        secret = decode_base64url(auth)
    except ValueError:
        secret = b""
    if len(secret) != AUTH_BYTES:
        faults.append(Fault(f"{pointer}/auth", f"must be {AUTH_BYTES} bytes in base64url"))
    if faults:
        raise InvalidError("invalid", "The subscription cannot be used.", faults=faults)
    return secret


def encrypt(
    plaintext: bytes,
    *,
    public_key: bytes,
    auth: bytes,
    padded_length: int = PADDED_BYTES,
    salt: bytes | None = None,
    sender_key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return a body with the content encoding aes128gcm that only the subscribed browser can read.

    `public_key` is the browser's uncompressed point, `auth` the secret that it shares with this
    server. Salt and sender's key are generated for each message, except in test vectors.
    """
    salt = salt or os.urandom(SALT_BYTES)
    sender_key = sender_key or ec.generate_private_key(ec.SECP256R1())
    sender = sender_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    ecdh_secret = sender_key.exchange(ec.ECDH(), _parse_point(public_key))
    secret = _derive(ecdh_secret, auth, b"WebPush: info\0" + public_key + sender, 32)
    key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    plaintext = (plaintext + DELIMITER).ljust(padded_length, b"\0")
    header = salt + RECORD_BYTES.to_bytes(4) + len(sender).to_bytes(1) + sender
    return header + AESGCM(key).encrypt(nonce, plaintext, None)


def decode_base64url(text: str) -> bytes:
    """Return the bytes of a base64url text, with or without padding.

    :raises ValueError: when the text is not base64url.
    """
    data = base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    if encode_base64url(data) != text.rstrip("="):
        raise binascii.Error("not base64url")
    return data


def encode_base64url(data: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _parse_point(public_key: bytes) -> ec.EllipticCurvePublicKey:
    if len(public_key) != 65:  # noqa: PLR2004 - SEC 1 section 2.3.3, uncompressed
        raise ValueError("not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)
