"""An account's public key: kept as it was sent, recognised where its form is known."""

from __future__ import annotations

import base64
import binascii
import json

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from engine.crypto.jwe import CURVES, Key
from engine.errors import ConflictError

SIGNING = {"Ed25519", "P-256"}
X25519_BYTES = 32
P256_BYTES = 65


def sealable(public_key: str) -> Key | None:
    """Return the key that results can be sealed to: X25519 or P-256, as JWK, PEM, or raw in base64."""
    key = _recognised(public_key)
    return key if key is not None and key.curve_name in CURVES else None


def verifying(public_key: str) -> Key | None:
    """Return the key that signatures verify under: Ed25519 or P-256; raw, only the latter is told apart."""
    key = _recognised(public_key)
    return key if key is not None and key.curve_name in SIGNING else None


def _recognised(public_key: str) -> Key | None:
    text = public_key.strip()
    try:
        if text.startswith("{"):
            return _of_jwk(json.loads(text))
        if text.startswith("-----BEGIN"):
            return _of_pem(text)
        return _of_raw(base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=="))
    except (JoseError, ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        return None


def need_sealable(public_key: str) -> Key:
    """Return the key that results can be sealed to.

    :raises ConflictError: `public_key_unsealable`, when there is none.
    """
    key = sealable(public_key)
    if key is None:
        raise ConflictError(
            "public_key_unsealable",
            "Nothing can be sealed to the account's publicKey: send sealResult: false, or register an X25519 "
            "or P-256 key.",
        )
    return key


def _of_jwk(jwk: dict[str, str]) -> Key:
    public: dict[str, str | list[str]] = {
        name: value for name, value in jwk.items() if name in {"kty", "crv", "x", "y", "kid"}
    }
    return ECKey.import_key(public) if jwk["kty"] == "EC" else OKPKey.import_key(public)


def _of_pem(text: str) -> Key:
    try:
        return OKPKey.import_key(text)
    except (JoseError, ValueError, TypeError):
        return ECKey.import_key(text)


def _of_raw(data: bytes) -> Key | None:
    if len(data) == X25519_BYTES:
        return OKPKey.import_key({"kty": "OKP", "crv": "X25519", "x": _text(data)})
    if len(data) == P256_BYTES and data[0] == 4:  # noqa: PLR2004 - SEC 1, uncompressed
        return ECKey.import_key(
            {"kty": "EC", "crv": "P-256", "x": _text(data[1:33]), "y": _text(data[33:])}
        )
    return None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
