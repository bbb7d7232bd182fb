"""Refresh tokens: rotated in one statement, and the end of their session when one comes twice."""

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
from engine.accounts.sessions import Periods
from engine.config.settings import Settings
from engine.errors import EngineError, UnauthenticatedError
from engine.store.accounts import RefreshSession

# A lost answer, or two tabs, present the previous token again: within the grace that is no theft.
GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class RefreshTokens:
    """Makes and reads tokens of the form `rt1.<kid>.<session>.<counter>.<HMAC-SHA-256>`."""

    keys: Mapping[str, bytes]  # by kid; the first makes new tokens
    periods: Periods

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys and the periods.

        :raises SettingsError: when REFRESH_TOKEN_KEYS is missing or malformed.
        """
        return cls(settings.secrets("refresh_token_keys"), Periods.from_settings(settings))

    def make(self, session_id: UUID, counter: int) -> str:
        """Return the token; the same session and counter always give the same one."""
        kid = next(iter(self.keys))
        body = f"rt1.{kid}.{session_id.hex}.{counter}"
        return f"{body}.{self._seal(kid, body)}"

    def read(self, token: str) -> tuple[UUID, int]:
        """Return the session and the counter of a token that we made.

        :raises UnauthenticatedError: for anything else.
        """
        body, _, seal = token.rpartition(".")
        parts = body.split(".")
        if len(parts) != 4 or parts[0] != "rt1" or parts[1] not in self.keys:  # noqa: PLR2004 - as in make()
            raise _invalid()
        if not hmac.compare_digest(self._seal(parts[1], body).encode(), seal.encode()):
            raise _invalid()
        return UUID(hex=parts[2]), int(parts[3])

    def _seal(self, kid: str, body: str) -> str:
        digest = hmac.new(self.keys[kid], body.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a refresh token was exchanged for: a new one, or a refusal to be told once committed."""

    session: RefreshSession | None
    counter: int = 0
    refusal: EngineError | None = None


def rotate(
    session: Session, tokens: RefreshTokens, token: str, *, agent_id: str | None, now: datetime
) -> Rotation:
    """Exchange a refresh token for its successor (RFC 9700 section 4.14.2).

    Of any number of exchanges at once one rotates and all get the same successor. A token older than
    the previous one, or the previous one after GRACE, ends the session: the answer is a refusal that
    the caller tells after committing.

    :raises UnauthenticatedError: when the token is not ours, its session is over, or owes a factor.
    :raises ForbiddenError: when the session is bound to another agent.
    """
    session_id, counter = tokens.read(token)
    found = session.get(RefreshSession, session_id)
    if found is None or found.revoked_at is not None or tokens.periods.over(found, now):
        raise _invalid()
    if found.pending:
        raise UnauthenticatedError(
            "mfa_required", "The session refreshes nothing before its second factor."
        )
    sessions.bind(session, found, agent_id, now)
    rotated = session.scalar(
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
    if rotated is not None:
        return Rotation(found, rotated)
    # Judged under the row's lock: of several replays one ends the session, and it is recorded once.
    session.refresh(found, with_for_update=True)
    return _judge(session, found, counter, now)


def _judge(session: Session, found: RefreshSession, counter: int, now: datetime) -> Rotation:
    """Answer a token that did not rotate: already rotated a moment ago, never issued, or stolen."""
    if found.revoked_at is not None or counter > found.counter:
        raise _invalid()
    if counter == found.counter - 1 and now - found.rotated_at <= GRACE:
        return Rotation(found, found.counter)
    found.revoked_at = now
    found.revoked_reason = "refresh_reused"
    actor = audit_log.Actor(found.account_id, found.id, found.agent_id)
    audit_log.record(session, actor, "refresh_reused", now=now)
    return Rotation(None, refusal=_reused())


def _invalid() -> UnauthenticatedError:
    return UnauthenticatedError("refresh_invalid", "The refresh token is not valid, or no longer.")


def _reused() -> UnauthenticatedError:
    return UnauthenticatedError(
        "refresh_reused", "The refresh token was used before; its session has ended."
    )
