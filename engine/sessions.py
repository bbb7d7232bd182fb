"""Sessions: one family of refresh tokens each, rotated in one statement, revoked when one comes twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import agents
from engine.errors import EngineError, ForbiddenError, UnauthenticatedError
from engine.settings import Settings
from engine.store.models import Agent, RefreshSession

# A lost answer, or two tabs, present the previous token again: within the grace that is no theft.
GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class RefreshTokens:
    """Makes and reads tokens of the form `rt1.<kid>.<session>.<counter>.<HMAC-SHA-256>`."""

    keys: Mapping[str, bytes]  # by kid; the first makes new tokens
    idle: timedelta
    absolute: timedelta

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the keys and the periods.

        :raises SettingsError: when REFRESH_TOKEN_KEYS is missing or malformed.
        """
        return cls(
            settings.secrets("refresh_token_keys"),
            timedelta(seconds=settings.refresh_idle_seconds),
            timedelta(seconds=settings.refresh_absolute_seconds),
        )

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


def start(session: Session, *, account_id: UUID, agent_id: str | None, now: datetime) -> RefreshSession:
    """Start a session, bound to the agent when it is known."""
    if agent_id is not None:
        agents.meet(session, account_id=account_id, agent_id=agent_id, now=now)
    started = RefreshSession(account_id=account_id, agent_id=agent_id, created_at=now, rotated_at=now)
    session.add(started)
    session.flush()
    return started


def rotate(
    session: Session, tokens: RefreshTokens, token: str, *, agent_id: str | None, now: datetime
) -> Rotation:
    """Exchange a refresh token for its successor (RFC 9700 section 4.14.2).

    Of any number of exchanges at once one rotates and all get the same successor. A token older than
    the previous one, or the previous one after GRACE, ends the session: the answer is a refusal that
    the caller tells after committing.

    :raises UnauthenticatedError: when the token is not ours, or its session is over.
    :raises ForbiddenError: when the session is bound to another agent.
    """
    session_id, counter = tokens.read(token)
    found = session.get(RefreshSession, session_id)
    if found is None or found.revoked_at is not None or _expired(found, tokens, now):
        raise _invalid()
    _bind(session, found, agent_id, now)
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
    session.refresh(found)
    return _judge(found, counter, now)


def admit(session: Session, *, session_id: UUID, account_id: UUID, agent_id: str, now: datetime) -> bool:
    """Let an agent act in a session: meet the agent, and bind the session to it at first use.

    Tells whether that wrote anything, which is the caller's to commit.

    :raises UnauthenticatedError: when the session is over.
    :raises ForbiddenError: when it is bound to another agent, or the agent has been revoked.
    """
    # The agent comes along, so that meeting it asks the database nothing more: this is every request's way.
    query = (
        select(RefreshSession, Agent)
        .outerjoin(Agent, (Agent.account_id == RefreshSession.account_id) & (Agent.id == agent_id))
        .where(RefreshSession.id == session_id, RefreshSession.account_id == account_id)
    )
    found = session.execute(query).one_or_none()
    if found is None or found[0].revoked_at is not None:
        raise UnauthenticatedError("session_ended", "The session has ended.")
    return _bind(session, found[0], agent_id, now)


def _judge(found: RefreshSession, counter: int, now: datetime) -> Rotation:
    """Answer a token that did not rotate: already rotated a moment ago, never issued, or stolen."""
    if found.revoked_at is not None or counter > found.counter:
        raise _invalid()
    if counter == found.counter - 1 and now - found.rotated_at <= GRACE:
        return Rotation(found, found.counter)
    found.revoked_at = now
    found.revoked_reason = "refresh_reused"
    return Rotation(None, refusal=_reused())


def _bind(session: Session, found: RefreshSession, agent_id: str | None, now: datetime) -> bool:
    if agent_id is None:
        return False
    if found.agent_id not in {None, agent_id}:
        raise ForbiddenError("agent_mismatch", "The session belongs to another agent.")
    met = agents.meet(session, account_id=found.account_id, agent_id=agent_id, now=now)
    bound = found.agent_id is None
    found.agent_id = agent_id
    return met or bound


def _expired(found: RefreshSession, tokens: RefreshTokens, now: datetime) -> bool:
    return now - found.rotated_at > tokens.idle or now - found.created_at > tokens.absolute


def _invalid() -> UnauthenticatedError:
    return UnauthenticatedError("refresh_invalid", "The refresh token is not valid, or no longer.")


def _reused() -> UnauthenticatedError:
    return UnauthenticatedError("refresh_reused", "The refresh token was used before; its session has ended.")
