"""Access tokens by flask-jwt-extended: JWTs signed with Ed25519, with keys that rotate by `kid`.

The package issues and decodes tokens; the loaders below define this platform's claims and keys.
Two parts of the package are not used:

- `verify_jwt_in_request` decodes a token at each request, in 0.30 ms of processor time where the
  cache takes 0.003 ms. It also accepts the scheme `Bearer` in this case alone, against RFC 9110
  section 11.1.
- Its block list and `fresh` tokens: `engine.accounts.sessions` reads at each request whether the
  session is active and when its owner last proved their identity. Both change without a new token.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Flask, current_app
from flask_jwt_extended import create_access_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from joserfc.jwk import KeySet
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from engine.accounts.sessions import PENDING_LIFETIME
from engine.config.settings import Settings
from engine.errors import UnauthenticatedError
from engine.store.accounts import RefreshSession
from web.extensions import jwt

TYPE = "at+jwt"  # RFC 9068
FULL, PENDING = "access", "pending"
CACHE_SIZE = 10_000  # tokens, about 500 bytes each


@dataclass(frozen=True, slots=True)
class AccessTokenClaims:
    """Claims of a valid access token."""

    account_id: UUID
    session_id: UUID
    agent_id: str | None
    expires_at: int  # seconds since 1970
    pending: bool  # the token permits the second factor alone, even after it was verified


def configure(app: Flask, settings: Settings) -> None:
    """Configure flask-jwt-extended with the settings' keys, and strictly."""
    key_set = settings.need("access_token_keys")
    private_keys = PyJWKSet.from_json(key_set).keys
    public_set = KeySet.import_key_set(json.loads(key_set)).as_dict(private=False)
    public_keys = PyJWKSet.from_json(json.dumps(public_set)).keys
    app.extensions["access_token_key_id"] = private_keys[0].key_id
    app.extensions["access_token_keys"] = {key.key_id: key for key in public_keys}
    app.config |= {
        "JWT_ALGORITHM": "EdDSA",
        "JWT_DECODE_ALGORITHMS": ["EdDSA"],
        "JWT_PRIVATE_KEY": private_keys[0].key,
        "JWT_PUBLIC_KEY": public_keys[0].key,
        "JWT_ACCESS_TOKEN_EXPIRES": timedelta(seconds=settings.access_token_seconds),
        "JWT_ENCODE_ISSUER": settings.token_issuer,
        "JWT_DECODE_ISSUER": settings.token_issuer,
        "JWT_ENCODE_AUDIENCE": settings.token_audience,
        "JWT_DECODE_AUDIENCE": settings.token_audience,
        "JWT_ENCODE_NBF": False,
        "JWT_COOKIE_CSRF_PROTECT": False,  # tokens are sent in a header alone, never in a cookie
    }
    app.extensions["access_token_cache"] = AccessTokenCache()
    jwt.init_app(app)


def issue(session: RefreshSession) -> str:
    """Return an access token for a session and, once it is bound, its agent."""
    token: str = create_access_token(
        session, expires_delta=PENDING_LIFETIME if session.pending else None
    )
    return token


@jwt.user_identity_loader
def _subject(session: RefreshSession) -> str:
    """Return the claim `sub` of a session's token."""
    return str(session.account_id)


@jwt.additional_claims_loader
def _additional_claims(session: RefreshSession) -> dict[str, Any]:
    """Return the claims of a session's token beyond those of RFC 7519."""
    return {
        "type": PENDING if session.pending else FULL,
        "sid": str(session.id),
        "agent": session.agent_id,
        "amr": session.amr.split(),
        "auth_time": int(session.proved_at.timestamp()),  # RFC 9470 section 6.2
    }


@jwt.additional_headers_loader
def _additional_headers(_session: RefreshSession) -> dict[str, Any]:
    """Return the header members that name a token's key and type."""
    return {"kid": current_app.extensions["access_token_key_id"], "typ": TYPE}


@jwt.decode_key_loader
def _verification_key(headers: dict[str, Any], claims: dict[str, Any]) -> Any:
    """Return the public key that a token names.

    The type is checked here first, because the library accepts a token without a type.

    :raises ValueError: when the token has another type.
    :raises KeyError: when there is no such key.
    """
    if headers.get("typ") != TYPE or claims.get("type") not in {FULL, PENDING}:
        raise ValueError("a token of another type")
    keys: dict[str | None, PyJWK] = current_app.extensions["access_token_keys"]
    return keys[headers.get("kid")].key


class AccessTokenCache:
    """Cache of the claims of verified tokens by the tokens' hashes.

    It saves the verification of the signature at each request. Whether the session is still active
    is checked at each request.
    """

    def __init__(self) -> None:
        self._claims: dict[bytes, AccessTokenClaims] = {}
        self._lock = threading.Lock()

    def verify(self, token: str, *, now: datetime) -> AccessTokenClaims:
        """Return the claims of a token.

        :raises UnauthenticatedError: when this platform did not issue it, or it has expired.
        """
        digest = hashlib.sha256(token.encode()).digest()
        cached_claims = self._claims.get(digest)
        claims = cached_claims or _decode(token)
        if claims is None or claims.expires_at <= now.timestamp():
            detail = "The access token is not valid or has expired."
            raise UnauthenticatedError("token_invalid", detail)
        if cached_claims is None:
            self._store(digest, claims)
        return claims

    def find_account(self, token: str) -> UUID | None:
        """Return the account of a token that was verified before; it may have expired since."""
        claims = self._claims.get(hashlib.sha256(token.encode()).digest())
        return None if claims is None else claims.account_id

    def _store(self, digest: bytes, claims: AccessTokenClaims) -> None:
        """Store claims; a full cache drops the oldest ones."""
        with self._lock:
            self._claims[digest] = claims
            if len(self._claims) > CACHE_SIZE:
                del self._claims[next(iter(self._claims))]


def verify(token: str, *, now: datetime) -> AccessTokenClaims:
    """Return the claims of an access token.

    :raises UnauthenticatedError: when this platform did not issue it, or it has expired.
    """
    cache: AccessTokenCache = current_app.extensions["access_token_cache"]
    return cache.verify(token, now=now)


def find_claims(authorization: str | None) -> AccessTokenClaims | None:
    """Return the claims of a header's access token, also of an expired one; None without one."""
    scheme, _, token = (authorization or "").partition(" ")
    return _decode(token.strip(), allow_expired=True) if scheme.lower() == "bearer" else None


def find_account(app: Flask, authorization: str) -> UUID | None:
    """Return the account of a header whose token was verified before, in microseconds.

    It tells whose request this is, and not that the account may make it.
    """
    cache: AccessTokenCache | None = app.extensions.get("access_token_cache")
    return None if cache is None else cache.find_account(authorization.partition(" ")[2].strip())


def _decode(token: str, *, allow_expired: bool = False) -> AccessTokenClaims | None:
    """Return the claims of a token; None for an invalid one.

    The library alone would accept tokens of other types or without an expiry, and fail on an
    unknown key (RFC 8725 sections 3.9 to 3.11).
    """
    try:
        claims: dict[str, Any] = decode_token(token, allow_expired=allow_expired)
        return AccessTokenClaims(
            UUID(claims["sub"]),
            UUID(claims["sid"]),
            claims["agent"],
            claims["exp"],
            claims["type"] == PENDING,
        )
    except (PyJWTError, JWTExtendedException, KeyError, ValueError, TypeError, AttributeError):
        return None
