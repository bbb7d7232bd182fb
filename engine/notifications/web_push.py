"""Encryption for Web Push (RFC 8291): what a push service carries only the browser can read."""

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
RECORD_BYTES = 4096  # RFC 8291 section 4: one record, and no push service has to take a larger one
LAST = b"\x02"  # the delimiter of the last record (RFC 8188 section 2)
# All notices are of one length, so that a push service does not learn which types have changed.
PADDED_BYTES = 256


def read_keys(public_key: str, auth: str, pointer: str) -> bytes:
    """Return the secret of a subscription, having looked at both of its keys.

    :raises InvalidError: when one is not what a browser gives (base64url, RFC 8291 section 3).
    """
    faults = []
    try:
        _point(decoded(public_key))
    except ValueError:
        faults.append(
            Fault(f"{pointer}/p256dh", "must be a point of P-256, uncompressed, in base64url")
        )
    try:
        secret = decoded(auth)
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
    padded_bytes: int = PADDED_BYTES,
    salt: bytes | None = None,
    ours: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return a body of the content encoding aes128gcm, for the holder of the subscription's keys alone.

    `public_key` is the uncompressed point of the browser, `auth` what it shares with us. Salt and key
    are drawn for each message; only a test vector names its own.
    """
    salt, ours = salt or os.urandom(SALT_BYTES), ours or ec.generate_private_key(ec.SECP256R1())
    sender = ours.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = ours.exchange(ec.ECDH(), _point(public_key))
    secret = _derive(shared, auth, b"WebPush: info\0" + public_key + sender, 32)
    key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD_BYTES.to_bytes(4) + len(sender).to_bytes(1) + sender
    return header + AESGCM(key).encrypt(nonce, (plaintext + LAST).ljust(padded_bytes, b"\0"), None)


def decoded(text: str) -> bytes:
    """Return what is written in base64url, padded or not.

    :raises ValueError: when it is not.
    """
    data = base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    if encoded(data) != text.rstrip("="):
        raise binascii.Error("not base64url")
    return data


def encoded(data: bytes) -> str:
    """Return bytes in base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _point(public_key: bytes) -> ec.EllipticCurvePublicKey:
    if len(public_key) != 65:  # noqa: PLR2004 - SEC 1 section 2.3.3, uncompressed
        raise ValueError("not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)
