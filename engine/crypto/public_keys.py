"""Public keys of accounts: stored as clients send them, and parsed where their form is known.

A key counts as one for encryption when a trial encryption to it succeeds. Any other key is opaque.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from joserfc.jwk import ECKey, OKPKey

from engine.crypto import jwe
from engine.crypto.jwe import CURVES, Key
from engine.errors import ConflictError

SIGNING_CURVES = {"Ed25519", "P-256"}
X25519_BYTES = 32
P256_BYTES = 65
# A key of these curves has at most 178 characters as PEM. Longer ones are other keys, whose parsing
# may take the libraries long.
PEM_CHARACTERS_MAX = 1024
PEM_LABEL = "-----BEGIN PUBLIC KEY-----"
KEYS_CACHED_MAX = 512
TRIAL = b"trial"


@lru_cache(KEYS_CACHED_MAX)
def find_encryption_key(public_key: str) -> Key | None:
    """Return the key that results are encrypted to: X25519 or P-256 as JWK, PEM or raw base64.

    None for a key to which nothing can be encrypted, such as a point of low order.
    """
    key = _parse(public_key, CURVES)
    try:
        if key is not None:
            jwe.seal(key, TRIAL)
    except Exception:  # noqa: BLE001 - a stranger's key may meet any error of the libraries
        return None
    return key


def find_signing_key(public_key: str) -> Key | None:
    """Return the key that verifies signatures: Ed25519 or P-256.

    A raw Ed25519 key looks like a raw X25519 key, so of raw keys only P-256 is recognised.
    """
    return _parse(public_key, SIGNING_CURVES)


def require_encryption_key(public_key: str) -> Key:
    """Return the key that results are encrypted to.

    :raises ConflictError: `public_key_unsealable`, when nothing can be encrypted to it.
    """
    key = find_encryption_key(public_key)
    if key is None:
        raise ConflictError(
            "public_key_unsealable",
            "Nothing can be encrypted to the account's publicKey: send sealResult: false, or "
            "register an X25519 or P-256 key.",
        )
    return key


def _parse(public_key: str, curves: Collection[str]) -> Key | None:
    text = public_key.strip()
    read = _import_raw
    if text.startswith("{"):
        read = _import_jwk
    elif text.startswith("-----BEGIN"):
        read = _import_pem
    try:
        key = read(text)
        is_usable = key is not None and key.curve_name in curves
    except Exception:  # noqa: BLE001 - as above
        return None
    return key if is_usable else None


def _import_jwk(text: str) -> Key | None:
    members = json.loads(text)
    public: dict[str, Any] = {
        name: value for name, value in members.items() if name in {"kty", "crv", "x", "y", "kid"}
    }
    return ECKey.import_key(public) if members["kty"] == "EC" else OKPKey.import_key(public)


def _import_pem(text: str) -> Key | None:
    if not text.startswith(PEM_LABEL) or len(text) > PEM_CHARACTERS_MAX:
        return None
    native_key = serialization.load_pem_public_key(text.encode())
    is_elliptic = isinstance(native_key, EllipticCurvePublicKey)
    return ECKey.import_key(text) if is_elliptic else OKPKey.import_key(text)


def _import_raw(text: str) -> Key | None:
    data = base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "==")
    if len(data) == X25519_BYTES:
        return OKPKey.import_key({"kty": "OKP", "crv": "X25519", "x": _encode(data)})
    if len(data) == P256_BYTES and data[0] == 4:  # noqa: PLR2004 - SEC 1, uncompressed
        return ECKey.import_key(
            {"kty": "EC", "crv": "P-256", "x": _encode(data[1:33]), "y": _encode(data[33:])}
        )
    return None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
