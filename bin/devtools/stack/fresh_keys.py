"""New keys for every setting that has no default."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any, Literal

from joserfc.jwk import ECKey, JWKRegistry, KeySet, OKPKey


def fresh_keys() -> dict[str, str]:
    """Return a complete set of new key settings, by environment variable."""
    settings: dict[str, str] = {}
    for name in (
        "ACCESS_TOKEN_KEYS",
        "REFRESH_TOKEN_KEYS",
        "FACTOR_KEYS",
        "CHANNEL_KEYS",
        "VAPID_PRIVATE_KEYS",
        "ENGINE_PRIVATE_KEYS",
        "KEYRING",
        "CODEC_KEYS",
        "COMMAND_KEYS",
    ):
        settings |= new_key(name)
    return settings


def new_key(name: str) -> dict[str, str]:
    """Return a setting with one new key, and the setting of its public half where there is one."""
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


def _pair(curve: Literal["Ed25519", "X25519"], parameters: dict[str, str]) -> OKPKey:
    options: Any = {**parameters}  # the library's type has no str among its values, and takes it
    return OKPKey.generate_key(curve, options, auto_kid=True)


def _key_set(key: OKPKey | ECKey, *, private: bool) -> str:
    jwk = JWKRegistry.import_key(key.as_dict(private=private))
    return json.dumps(KeySet([jwk]).as_dict(private=private), separators=(",", ":"))
