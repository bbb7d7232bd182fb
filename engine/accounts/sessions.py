"""Login sessions: start, binding to an agent, admission of requests, proof of identity, end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from engine.accounts import agents
from engine.config.settings import Settings
from engine.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from engine.store.account_scope import LISTED_MAX, AccountScope, AgentScope
from engine.store.accounts import Account, Agent, RefreshSession

PENDING_LIFETIME = timedelta(minutes=5)  # of a session that waits for its second factor


@dataclass(frozen=True, slots=True)
class SessionLifetime:
    """Longest time of a session without a refresh (`idle`), and in all (`absolute`)."""

    idle: timedelta
    absolute: timedelta

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read both times from the settings."""
        return cls(
            timedelta(seconds=settings.refresh_idle_seconds),
            timedelta(seconds=settings.refresh_absolute_seconds),
        )

    def has_expired(self, session: RefreshSession, now: datetime) -> bool:
        """Return whether a session is older than either time allows."""
        return now - session.rotated_at > self.idle or now - session.created_at > self.absolute


@dataclass(frozen=True, slots=True)
class Admission:
    """State of the session in which an agent may act."""

    has_changes: bool  # whether the admission wrote rows that the caller has to commit
    pending: bool
    proved_at: datetime
    pulled_stamp: int  # the agent has pulled all changes up to this stamp


# Every request runs this query. One statement on tables reads session and agent without the cost
# of two mapped objects.
SESSIONS, AGENTS = RefreshSession.__table__.c, Agent.__table__.c
ADMISSION = (
    select(
        SESSIONS.agent_id,
        SESSIONS.revoked_at,
        SESSIONS.pending,
        SESSIONS.proved_at,
        AGENTS.last_seen_at,
        AGENTS.revoked_at.is_not(None).label("blocked"),
        func.coalesce(AGENTS.pulled_stamp, 0).label("pulled_stamp"),
    )
    .select_from(RefreshSession.__table__)
    .outerjoin(
        Agent.__table__,
        (AGENTS.account_id == SESSIONS.account_id) & (AGENTS.id == bindparam("agent_id")),
    )
    .where(SESSIONS.id == bindparam("session_id"), SESSIONS.account_id == bindparam("account_id"))
)


def start(
    scope: AccountScope, *, agent_id: str | None, amr: str = "pwd", pending: bool = False
) -> RefreshSession:
    """Start a session, bound to the agent if it has an id; a pending one needs a second factor.

    :raises ForbiddenError: when the agent is revoked.
    """
    session, now = scope.session, scope.now
    if agent_id is not None:
        agents.record_sighting(AgentScope(session, scope.account_id, now, agent_id))
    login_session = RefreshSession(
        account_id=scope.account_id,
        agent_id=agent_id,
        created_at=now,
        rotated_at=now,
        proved_at=now,
        amr=amr,
        pending=pending,
    )
    session.add(login_session)
    session.flush()
    return login_session


def admit(scope: AgentScope, session_id: UUID) -> Admission:
    """Admit a request of an agent in a session.

    It registers the agent and binds the session to the agent at first use.

    :raises UnauthenticatedError: when the session is over.
    :raises ForbiddenError: when the session is bound to another agent, or the agent is revoked.
    """
    session, agent_id = scope.session, scope.agent_id
    ids = {"session_id": session_id, "account_id": scope.account_id, "agent_id": agent_id}
    row = session.execute(ADMISSION, ids).one_or_none()
    if row is None or row.revoked_at is not None:
        raise UnauthenticatedError("session_ended", "The session has ended.")
    # Nearly every request comes from a registered agent, in a session that is bound to it.
    current = (
        row.agent_id == agent_id
        and not row.blocked
        and agents.is_sighting_recent(row.last_seen_at, scope.now)
    )
    has_changes = not current and bind(
        session, session.get_one(RefreshSession, session_id), agent_id, scope.now
    )
    return Admission(has_changes, row.pending, row.proved_at, row.pulled_stamp)


def bind(
    session: Session, login_session: RefreshSession, agent_id: str | None, now: datetime
) -> bool:
    """Register the agent and bind the session to it at first use; return whether a row changed.

    :raises ForbiddenError: when the session is bound to another agent, or the agent is revoked.
    """
    if agent_id is None:
        return False
    if login_session.agent_id not in {None, agent_id}:
        raise ForbiddenError("agent_mismatch", "The session belongs to another agent.")
    has_new_sighting = agents.record_sighting(
        AgentScope(session, login_session.account_id, now, agent_id)
    )
    has_new_agent = login_session.agent_id is None
    login_session.agent_id = agent_id
    return has_new_sighting or has_new_agent


def list_sessions(scope: AccountScope, lifetime: SessionLifetime) -> Sequence[RefreshSession]:
    """Return the account's sessions that are not over, the most recently refreshed first.

    They are LISTED_MAX at most, and one more where others follow.
    """
    now = scope.now
    query = select(RefreshSession).where(
        RefreshSession.account_id == scope.account_id,
        RefreshSession.revoked_at.is_(None),
        RefreshSession.rotated_at >= now - lifetime.idle,
        RefreshSession.created_at >= now - lifetime.absolute,
        or_(RefreshSession.pending.is_(False), RefreshSession.created_at >= now - PENDING_LIFETIME),
    )
    newest_first = query.order_by(RefreshSession.rotated_at.desc(), RefreshSession.id)
    return scope.session.scalars(newest_first.limit(LISTED_MAX + 1)).all()


def is_active(session: Session, *, account_id: UUID, session_id: UUID) -> bool:
    """Return whether a session of the account exists and has not been revoked."""
    query = select(RefreshSession.id).where(
        RefreshSession.account_id == account_id,
        RefreshSession.id == session_id,
        RefreshSession.revoked_at.is_(None),
    )
    return session.scalar(query) is not None


def is_session_of(session: Session, *, email: str, session_id: UUID) -> bool:
    """Return whether a session of the account with this email is complete and not revoked."""
    query = (
        select(RefreshSession.id)
        .join(Account, Account.id == RefreshSession.account_id)
        .where(
            Account.email == email,
            RefreshSession.id == session_id,
            RefreshSession.revoked_at.is_(None),
            RefreshSession.pending.is_(False),
        )
    )
    return session.scalar(query) is not None


def has_verified_factor(session: Session, *, account_id: UUID, agent_id: str) -> bool:
    """Return whether the agent ever had a session of the account that verified a second factor."""
    query = select(RefreshSession.id).where(
        RefreshSession.account_id == account_id,
        RefreshSession.agent_id == agent_id,
        RefreshSession.amr.endswith(" mfa"),
    )
    return session.scalar(query.limit(1)) is not None


def end(scope: AccountScope, session_id: UUID, *, reason: str) -> None:
    """End one of the account's sessions.

    :raises NotFoundError: when the account has no such session, or it has ended.
    """
    if not _end(scope, RefreshSession.id == session_id, reason):
        raise NotFoundError("session_unknown", "There is no such session.")


def end_all(scope: AccountScope, *, reason: str, except_id: UUID | None = None) -> int:
    """End the account's sessions, except one if it is named; return how many."""
    return _end(scope, RefreshSession.id != except_id if except_id else True, reason)


def revoke_agent(scope: AccountScope, agent_id: str) -> int:
    """Block an agent's id and end the sessions that are bound to it; return how many.

    :raises NotFoundError: when the account has no agent with this id.
    """
    agents.revoke(scope, agent_id)
    return _end(scope, RefreshSession.agent_id == agent_id, "agent_revoked")


def record_proof(
    session: Session, *, session_id: UUID, now: datetime, amr: str | None = None
) -> RefreshSession:
    """Store that the session's owner just proved their identity; it needs no more factor."""
    login_session = session.get_one(RefreshSession, session_id)
    login_session.proved_at, login_session.pending, login_session.tries = now, False, 0
    login_session.amr = amr or login_session.amr
    return login_session


def _end(scope: AccountScope, condition: object, reason: str) -> int:
    session_ids = scope.session.scalars(
        update(RefreshSession)
        .where(
            RefreshSession.account_id == scope.account_id,
            RefreshSession.revoked_at.is_(None),
            condition,  # type: ignore[arg-type] # SQL or True
        )
        .values(revoked_at=scope.now, revoked_reason=reason)
        .returning(RefreshSession.id)
    )
    return len(session_ids.all())
