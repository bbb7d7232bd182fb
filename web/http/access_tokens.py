"""Access tokens by flask-jwt-extended: JWTs signed with Ed25519, verified by `kid`, so that keys rotate.

The package issues and decodes tokens; its loaders below say what is ours in them. Its
`verify_jwt_in_request` is not used: it decodes a token at each request, 0.30 ms of processor time
where `Verified` takes 0.003 ms, and it knows the scheme `Bearer` in this case alone (RFC 9110 section 11.1).
Neither are its block list and its `fresh` tokens: `engine.accounts.sessions` reads at each request whether the session
goes on and when its holder was last proved, which changes without a new token.
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

from engine.accounts.sessions import PENDING_LASTS
from engine.config.settings import Settings
from engine.errors import UnauthenticatedError
from engine.store.accounts import RefreshSession
from web.extensions import jwt

TYPE = "at+jwt"  # RFC 9068
FULL, PENDING = "access", "pending"
VERIFIED_MAX = 10_000  # tokens, some 500 bytes each


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says."""

    account_id: UUID
    session_id: UUID
    agent_id: str | None
    expires_at: int  # seconds since 1970
    pending: bool  # good for the second factor alone, even once that has been shown


def configure(app: Flask, settings: Settings) -> None:
    """Give flask-jwt-extended our keys and none of its leniency."""
    key_set = settings.need("access_token_keys")
    private = PyJWKSet.from_json(key_set).keys
    public = PyJWKSet.from_json(
        json.dumps(KeySet.import_key_set(json.loads(key_set)).as_dict(private=False))
    )
    app.extensions["access_token_key_id"] = private[0].key_id
    app.extensions["access_token_keys"] = {key.key_id: key for key in public.keys}
    app.config |= {
        "JWT_ALGORITHM": "EdDSA",
        "JWT_DECODE_ALGORITHMS": ["EdDSA"],
        "JWT_PRIVATE_KEY": private[0].key,
        "JWT_PUBLIC_KEY": public.keys[0].key,
        "JWT_ACCESS_TOKEN_EXPIRES": timedelta(seconds=settings.access_token_seconds),
        "JWT_ENCODE_ISSUER": settings.token_issuer,
        "JWT_DECODE_ISSUER": settings.token_issuer,
        "JWT_ENCODE_AUDIENCE": settings.token_audience,
        "JWT_DECODE_AUDIENCE": settings.token_audience,
        "JWT_ENCODE_NBF": False,
        "JWT_COOKIE_CSRF_PROTECT": False,  # tokens travel in a header alone and need no claim `csrf`
    }
    app.extensions["verified_tokens"] = Verified()
    jwt.init_app(app)


def mint(session: RefreshSession) -> str:
    """Return an access token for a session and, once it is bound, its agent."""
    token: str = create_access_token(
        session, expires_delta=PENDING_LASTS if session.pending else None
    )
    return token


@jwt.user_identity_loader
def _subject(session: RefreshSession) -> str:
    """Return the claim `sub` of a session's token."""
    return str(session.account_id)


@jwt.additional_claims_loader
def _own_claims(session: RefreshSession) -> dict[str, Any]:
    """Return the claims of a session's token that RFC 7519 does not name."""
    return {
        "type": PENDING if session.pending else FULL,
        "sid": str(session.id),
        "agent": session.agent_id,
        "amr": session.amr.split(),
        "auth_time": int(session.proved_at.timestamp()),  # RFC 9470 section 6.2
    }


@jwt.additional_headers_loader
def _own_headers(_session: RefreshSession) -> dict[str, Any]:
    """Return the header members by which a token's key and type are known."""
    return {"kid": current_app.extensions["access_token_key_id"], "typ": TYPE}


@jwt.decode_key_loader
def _verification_key(headers: dict[str, Any], claims: dict[str, Any]) -> Any:
    """Return the public key that a token names.

    The type is checked here, ahead of the library: that takes a token without one for an access token.

    :raises ValueError: when the token is of another type.
    :raises KeyError: when there is no such key.
    """
    if headers.get("typ") != TYPE or claims.get("type") not in {FULL, PENDING}:
        raise ValueError("a token of another type")
    keys: dict[str | None, PyJWK] = current_app.extensions["access_token_keys"]
    return keys[headers.get("kid")].key


class Verified:
    """What tokens were found to say, so that each is verified once; of the tokens themselves, the hashes.

    Whether the session goes on is another question, and asked at each request.
    """

    def __init__(self) -> None:
        self._claims: dict[bytes, Claims] = {}
        self._lock = threading.Lock()

    def claims(self, token: str, *, now: datetime) -> Claims:
        """Return what a token says.

        :raises UnauthenticatedError: when it is not one we made for access, or has expired.
        """
        digest = hashlib.sha256(token.encode()).digest()
        known = self._claims.get(digest)
        found = known or _decoded(token)
        if found is None or found.expires_at <= now.timestamp():
            raise UnauthenticatedError(
                "token_invalid", "The access token is not valid, or no longer."
            )
        if known is None:
            self._keep(digest, found)
        return found

    def _keep(self, digest: bytes, claims: Claims) -> None:
        """Keep what a token says in the place of what was kept first, once there is no room."""
        with self._lock:
            self._claims[digest] = claims
            if len(self._claims) > VERIFIED_MAX:
                del self._claims[next(iter(self._claims))]


def read(token: str, *, now: datetime) -> Claims:
    """Return what an access token says.

    :raises UnauthenticatedError: when the token is not one we made for access, or has expired.
    """
    verified: Verified = current_app.extensions["verified_tokens"]
    return verified.claims(token, now=now)


def _decoded(token: str) -> Claims | None:
    """Return what a token says, whenever it expires, or nothing when it is none of ours.

    The library alone would take tokens of other types, without an expiry, or fail on an unknown key
    (RFC 8725 sections 3.9 to 3.11).
    """
    try:
        claims: dict[str, Any] = decode_token(token)
        return Claims(
            UUID(claims["sub"]),
            UUID(claims["sid"]),
            claims["agent"],
            claims["exp"],
            claims["type"] == PENDING,
        )
    except (PyJWTError, JWTExtendedException, KeyError, ValueError, TypeError, AttributeError):
        return None
