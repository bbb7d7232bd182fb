"""Fresh key material for every setting that has none by default."""

from __future__ import annotations

import base64
import json
import secrets

from joserfc.jwk import JWKRegistry, KeySet, OKPKey


def fresh_keys() -> dict[str, str]:
    """Return a complete, newly drawn set of key settings, by environment variable."""
    signing = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "EdDSA"}, auto_kid=True)
    engine = OKPKey.generate_key("X25519", {"use": "enc", "alg": "ECDH-ES+A256KW"}, auto_kid=True)
    return {
        "ACCESS_TOKEN_KEYS": _key_set(signing, private=True),
        "REFRESH_TOKEN_KEYS": _secret("r1"),
        "FACTOR_KEYS": _secret("f1"),
        "ENGINE_PUBLIC_KEYS": _key_set(engine, private=False),
        "ENGINE_PRIVATE_KEYS": _key_set(engine, private=True),
        "KEYRING": _secret("k1"),
        "CODEC_KEYS": _secret("c1"),
    }


def _key_set(key: OKPKey, *, private: bool) -> str:
    shown = JWKRegistry.import_key(key.as_dict(private=private))
    return json.dumps(KeySet([shown]).as_dict(private=private), separators=(",", ":"))


def _secret(kid: str) -> str:
    return f"{kid}:{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip('=')}"


if __name__ == "__main__":
    for name, value in fresh_keys().items():
        print(f"{name}='{value}'")
