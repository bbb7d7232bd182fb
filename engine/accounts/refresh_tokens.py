"""Refresh tokens: rotation in one statement, and revocation of a session whose token is reused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from engine.accounts import audit_log, sessions
from engine.accounts.sessions import SessionLifetime
from engine.config.settings import Settings
from engine.errors import EngineError, UnauthenticatedError
from engine.store.account_scope import AccountScope
from engine.store.accounts import RefreshSession

# A client that lost an answer, or a second tab, sends the previous token again. Within this
# period that does not count as theft.
GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class RefreshTokens:
    """Issuer and verifier of tokens `rt1.<kid>.<session>.<counter>.<HMAC-SHA-256>`."""

    keys: Mapping[str, bytes]  # by kid; the first one signs new tokens
    lifetime: SessionLifetime

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys and the lifetime of sessions.

        :raises SettingsError: when REFRESH_TOKEN_KEYS is missing or malformed.
        """
        return cls(settings.secrets("refresh_token_keys"), SessionLifetime.from_settings(settings))

    def issue(self, session_id: UUID, counter: int) -> str:
        """Return the token; the same session and counter always give the same one."""
        kid = next(iter(self.keys))
        body = f"rt1.{kid}.{session_id.hex}.{counter}"
        return f"{body}.{self._sign(kid, body)}"

    def verify(self, token: str) -> tuple[UUID, int]:
        """Return the session and the counter of a token that this platform issued.

        :raises UnauthenticatedError: for any other text.
        """
        body, _, signature = token.rpartition(".")
        parts = body.split(".")
        if len(parts) != 4 or parts[0] != "rt1" or parts[1] not in self.keys:  # noqa: PLR2004 - as issue() builds it
            raise _token_invalid()
        if not hmac.compare_digest(self._sign(parts[1], body).encode(), signature.encode()):
            raise _token_invalid()
        return UUID(hex=parts[2]), int(parts[3])

    def _sign(self, kid: str, body: str) -> str:
        digest = hmac.new(self.keys[kid], body.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Rotation:
    """Session and counter of the successor of a refresh token, or the refusal of the token.

    The caller raises the refusal after the commit, because the session was revoked with it.
    """

    session: RefreshSession | None
    counter: int = 0
    refusal: EngineError | None = None


def rotate(
    session: Session, tokens: RefreshTokens, token: str, *, agent_id: str | None, now: datetime
) -> Rotation:
    """Exchange a refresh token for its successor (RFC 9700 section 4.14.2).

    Of concurrent exchanges one rotates, and all get the same successor. The session is revoked
    by a token older than the previous one, and by the previous one after GRACE.

    :raises UnauthenticatedError: when the token is not valid, its session is over, or the session
        still needs a second factor.
    :raises ForbiddenError: when the session is bound to another agent.
    """
    session_id, counter = tokens.verify(token)
    login_session = session.get(RefreshSession, session_id)
    if (
        login_session is None
        or login_session.revoked_at is not None
        or tokens.lifetime.has_expired(login_session, now)
    ):
        raise _token_invalid()
    if login_session.pending:
        detail = "The session cannot be refreshed before its second factor."
        raise UnauthenticatedError("mfa_required", detail)
    sessions.bind(session, login_session, agent_id, now)
    successor = session.scalar(
        update(RefreshSession)
        .where(
            RefreshSession.id == session_id,
            RefreshSession.counter == counter,
            RefreshSession.revoked_at.is_(None),
        )
        .values(counter=counter + 1, rotated_at=now)
        .returning(RefreshSession.counter)
        .execution_options(synchronize_session=False)
    )
    if successor is not None:
        return Rotation(login_session, successor)
    # The row's lock makes one of several replays revoke the session and record it once.
    session.refresh(login_session, with_for_update=True)
    return _classify_replay(session, login_session, counter, now)


def _classify_replay(
    session: Session, login_session: RefreshSession, counter: int, now: datetime
) -> Rotation:
    """Handle a token that did not rotate: rotated within GRACE, never issued, or stolen."""
    if login_session.revoked_at is not None or counter > login_session.counter:
        raise _token_invalid()
    if counter == login_session.counter - 1 and now - login_session.rotated_at <= GRACE:
        return Rotation(login_session, login_session.counter)
    login_session.revoked_at = now
    login_session.revoked_reason = "refresh_reused"
    audit_log.record(
        AccountScope(session, login_session.account_id, now),
        "refresh_reused",
        session_id=login_session.id,
        agent_id=login_session.agent_id,
    )
    return Rotation(None, refusal=_token_reuse())


def _token_invalid() -> UnauthenticatedError:
    detail = "The refresh token is not valid or has expired."
    return UnauthenticatedError("refresh_invalid", detail)


def _token_reuse() -> UnauthenticatedError:
    return UnauthenticatedError(
        "refresh_reused", "The refresh token was used before; its session has ended."
    )
