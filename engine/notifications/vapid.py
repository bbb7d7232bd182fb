"""Who we are to push services (VAPID, RFC 8292): keys that browsers subscribe to, and what they sign."""

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

LASTS = timedelta(hours=12)  # RFC 8292 section 2: at most a day


@dataclass(frozen=True, slots=True)
class Signers:
    """The private keys by kid, and how push services may reach the operator, where that is said."""

    keys: Mapping[str, ECKey]
    subject: str

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys; without any, nothing can be sent to browsers.

        :raises SettingsError: when VAPID_PRIVATE_KEYS or VAPID_SUBJECT is malformed.
        """
        subject = settings.vapid_subject
        if subject and not subject.startswith(("mailto:", "https:")):
            raise SettingsError(
                "VAPID_SUBJECT must be mailto: or https:, where push services reach you"
            )
        return cls(_read(settings.vapid_private_keys, "VAPID_PRIVATE_KEYS"), subject)

    def authorization(self, kid: str, endpoint: str, *, now: datetime) -> str:
        """Return the header for a push service (RFC 8292 section 3).

        :raises InvalidError: `push_key_retired`, when the browser subscribed to a key that is no more.
        """
        key = self.keys.get(kid)
        if key is None:
            raise InvalidError("push_key_retired", "The key of the subscription has been retired.")
        url = httpx2.URL(endpoint)
        audience = f"{url.scheme}://{url.netloc.decode()}"
        claims: dict[str, str | int] = {"aud": audience, "exp": int((now + LASTS).timestamp())}
        if self.subject:
            claims["sub"] = self.subject
        token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, key, algorithms=["ES256"])
        return f"vapid t={token}, k={point(key)}"


def public_keys(settings: Settings) -> dict[str, str]:
    """Return what browsers can subscribe to: `applicationServerKey` by kid; the first is the current one.

    :raises SettingsError: when VAPID_PUBLIC_KEYS is malformed.
    """
    keys = _read(settings.vapid_public_keys, "VAPID_PUBLIC_KEYS")
    return {kid: point(key) for kid, key in keys.items()}


def point(key: ECKey) -> str:
    """Return the public half as an uncompressed point in base64url."""
    parts = key.as_dict(private=False)
    return web_push.encoded(
        b"\x04" + b"".join(web_push.decoded(str(parts[name])) for name in ("x", "y"))
    )


def _read(text: str, name: str) -> dict[str, ECKey]:
    if not text:
        return {}
    try:
        keys = KeySet.import_key_set(json.loads(text)).keys
    except (JoseError, ValueError, KeyError, TypeError):
        keys = []
    found = {str(key.kid): key for key in keys if isinstance(key, ECKey) and key.kid}
    if (
        not found
        or len(found) != len(keys)
        or any(key.curve_name != "P-256" for key in found.values())
    ):
        raise SettingsError(f"{name} must be a JWK Set of P-256 keys, each with a kid")
    return found
