"""VAPID (RFC 8292): keys that identify this server to push services, and their signatures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from engine.config.settings import Settings, SettingsError
from engine.errors import InvalidError
from engine.notifications import web_push

TOKEN_LIFETIME = timedelta(hours=12)  # RFC 8292 section 2: at most a day


@dataclass(frozen=True, slots=True)
class VapidSigner:
    """Private keys by kid, and the operator's contact address for push services."""

    keys: Mapping[str, ECKey]
    subject: str  # empty without a contact address

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys; without keys nothing can be sent to browsers.

        :raises SettingsError: when VAPID_PRIVATE_KEYS or VAPID_SUBJECT is malformed.
        """
        subject = settings.vapid_subject
        if subject and not subject.startswith(("mailto:", "https:")):
            raise SettingsError(
                "VAPID_SUBJECT must be mailto: or https:, where push services reach you"
            )
        return cls(_parse_keys(settings.vapid_private_keys, "VAPID_PRIVATE_KEYS"), subject)

    def authorization(self, kid: str, endpoint: str, *, now: datetime) -> str:
        """Return the Authorization header for a push service (RFC 8292 section 3).

        :raises InvalidError: `push_key_retired`, when the browser's key was removed.
        """
        key = self.keys.get(kid)
        if key is None:
            raise InvalidError("push_key_retired", "The key of the subscription has been retired.")
        url = httpx2.URL(endpoint)
        audience = f"{url.scheme}://{url.netloc.decode()}"
        claims: dict[str, str | int] = {
            "aud": audience,
            "exp": int((now + TOKEN_LIFETIME).timestamp()),
        }
        if self.subject:
            claims["sub"] = self.subject
        token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, key, algorithms=["ES256"])
        return f"vapid t={token}, k={encode_point(key)}"


def public_keys(settings: Settings) -> dict[str, str]:
    """Return the `applicationServerKey`s for browsers by kid; the first is the current one.

    :raises SettingsError: when VAPID_PUBLIC_KEYS is malformed.
    """
    keys = _parse_keys(settings.vapid_public_keys, "VAPID_PUBLIC_KEYS")
    return {kid: encode_point(key) for kid, key in keys.items()}


def encode_point(key: ECKey) -> str:
    """Return the public half as an uncompressed point in base64url."""
    parts = key.as_dict(private=False)
    x, y = (web_push.decode_base64url(str(parts[name])) for name in ("x", "y"))
    return web_push.encode_base64url(b"\x04" + x + y)


def _parse_keys(text: str, name: str) -> dict[str, ECKey]:
    if not text:
        return {}
    try:
        keys = KeySet.import_key_set(json.loads(text)).keys
    except (JoseError, ValueError, KeyError, TypeError):
        keys = []
    keys_by_kid = {str(key.kid): key for key in keys if isinstance(key, ECKey) and key.kid}
    if (
        not keys_by_kid
        or len(keys_by_kid) != len(keys)
        or any(key.curve_name != "P-256" for key in keys_by_kid.values())
    ):
        raise SettingsError(f"{name} must be a JWK Set of P-256 keys, each with a kid")
    return keys_by_kid
