"""Fresh key material for every setting that has none by default."""

from __future__ import annotations

import base64
import json
import secrets

from joserfc.jwk import ECKey, JWKRegistry, KeySet, OKPKey


def fresh_keys() -> dict[str, str]:
    """Return a complete, newly drawn set of key settings, by environment variable."""
    found: dict[str, str] = {}
    for name in (
        "ACCESS_TOKEN_KEYS",
        "REFRESH_TOKEN_KEYS",
        "FACTOR_KEYS",
        "CHANNEL_KEYS",
        "VAPID_PRIVATE_KEYS",
        "ENGINE_PRIVATE_KEYS",
        "KEYRING",
        "CODEC_KEYS",
    ):
        found |= draw(name)
    return found


def draw(name: str) -> dict[str, str]:
    """Return a setting with one new key, and the one with its public half where there is one."""
    if name == "ACCESS_TOKEN_KEYS":
        return {name: _key_set(_pair("Ed25519", {"use": "sig", "alg": "EdDSA"}), private=True)}
    if name == "ENGINE_PRIVATE_KEYS":
        key = _pair("X25519", {"use": "enc", "alg": "ECDH-ES+A256KW"})
        return {
            name: _key_set(key, private=True),
            "ENGINE_PUBLIC_KEYS": _key_set(key, private=False),
        }
    if name == "VAPID_PRIVATE_KEYS":
        point = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        return {
            name: _key_set(point, private=True),
            "VAPID_PUBLIC_KEYS": _key_set(point, private=False),
        }
    kid = f"{name[0].lower()}{secrets.token_hex(3)}"
    return {name: f"{kid}:{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip('=')}"}


def _pair(curve: str, parameters: dict[str, str]) -> OKPKey:
    return OKPKey.generate_key(curve, {**parameters}, auto_kid=True)  # type: ignore[arg-type] # a str is one


def _key_set(key: OKPKey | ECKey, *, private: bool) -> str:
    shown = JWKRegistry.import_key(key.as_dict(private=private))
    return json.dumps(KeySet([shown]).as_dict(private=private), separators=(",", ":"))
