"""Public keys of accounts: stored as clients send them, and parsed where their form is known."""

from __future__ import annotations

import base64
import binascii
import json

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from engine.crypto.jwe import CURVES, Key
from engine.errors import ConflictError

SIGNING_CURVES = {"Ed25519", "P-256"}
X25519_BYTES = 32
P256_BYTES = 65


def find_encryption_key(public_key: str) -> Key | None:
    """Return the key that results are encrypted to: X25519 or P-256 as JWK, PEM or raw base64."""
    key = _parse(public_key)
    return key if key is not None and key.curve_name in CURVES else None


def find_signing_key(public_key: str) -> Key | None:
    """Return the key that verifies signatures: Ed25519 or P-256.

    A raw Ed25519 key looks like a raw X25519 key, so of raw keys only P-256 is recognised.
    """
    key = _parse(public_key)
    return key if key is not None and key.curve_name in SIGNING_CURVES else None


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


def _parse(public_key: str) -> Key | None:
    text = public_key.strip()
    try:
        if text.startswith("{"):
            return _import_jwk(json.loads(text))
        if text.startswith("-----BEGIN"):
            return _import_pem(text)
        return _import_raw(
            base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "==")
        )
    except (JoseError, ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        return None


def _import_jwk(jwk: dict[str, str]) -> Key:
    public: dict[str, str | list[str]] = {
        name: value for name, value in jwk.items() if name in {"kty", "crv", "x", "y", "kid"}
    }
    return ECKey.import_key(public) if jwk["kty"] == "EC" else OKPKey.import_key(public)


def _import_pem(text: str) -> Key:
    try:
        return OKPKey.import_key(text)
    except (JoseError, ValueError, TypeError):
        return ECKey.import_key(text)


def _import_raw(data: bytes) -> Key | None:
    if len(data) == X25519_BYTES:
        return OKPKey.import_key({"kty": "OKP", "crv": "X25519", "x": _encode(data)})
    if len(data) == P256_BYTES and data[0] == 4:  # noqa: PLR2004 - SEC 1, uncompressed
        return ECKey.import_key(
            {"kty": "EC", "crv": "P-256", "x": _encode(data[1:33]), "y": _encode(data[33:])}
        )
    return None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
