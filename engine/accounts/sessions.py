"""Sessions: who is in, since when they last proved it, and until when."""

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
from engine.store.accounts import Agent, RefreshSession

PENDING_LASTS = timedelta(minutes=5)  # how long a second factor may be owed


@dataclass(frozen=True, slots=True)
class Periods:
    """How long a session lasts without a refresh, and at most."""

    idle: timedelta
    absolute: timedelta

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read them from the settings."""
        return cls(
            timedelta(seconds=settings.refresh_idle_seconds),
            timedelta(seconds=settings.refresh_absolute_seconds),
        )

    def over(self, session: RefreshSession, now: datetime) -> bool:
        """Tell whether a session has run out."""
        return now - session.rotated_at > self.idle or now - session.created_at > self.absolute


@dataclass(frozen=True, slots=True)
class Admission:
    """A session that an agent may act in; `wrote` says that there is something to commit."""

    wrote: bool
    pending: bool
    proved_at: datetime
    pulled_stamp: int  # the agent has pulled past this one


# Every request asks this: session and agent in one statement, without what an object of each would cost.
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
    session: Session,
    *,
    account_id: UUID,
    agent_id: str | None,
    now: datetime,
    amr: str = "pwd",
    pending: bool = False,
) -> RefreshSession:
    """Start a session, bound to the agent when it is known; a pending one owes a second factor.

    :raises ForbiddenError: when the agent has been revoked.
    """
    if agent_id is not None:
        agents.meet(session, account_id=account_id, agent_id=agent_id, now=now)
    started = RefreshSession(
        account_id=account_id,
        agent_id=agent_id,
        created_at=now,
        rotated_at=now,
        proved_at=now,
        amr=amr,
        pending=pending,
    )
    session.add(started)
    session.flush()
    return started


def admit(
    session: Session, *, session_id: UUID, account_id: UUID, agent_id: str, now: datetime
) -> Admission:
    """Let an agent act in a session: meet the agent, and bind the session to it at first use.

    :raises UnauthenticatedError: when the session is over.
    :raises ForbiddenError: when it is bound to another agent, or the agent has been revoked.
    """
    named = {"session_id": session_id, "account_id": account_id, "agent_id": agent_id}
    found = session.execute(ADMISSION, named).one_or_none()
    if found is None or found.revoked_at is not None:
        raise UnauthenticatedError("session_ended", "The session has ended.")
    # Nearly every request comes from an agent that is known, in a session that is bound to it.
    met = (
        found.agent_id == agent_id and not found.blocked and agents.lately(found.last_seen_at, now)
    )
    wrote = not met and bind(session, session.get_one(RefreshSession, session_id), agent_id, now)
    return Admission(wrote, found.pending, found.proved_at, found.pulled_stamp)


def bind(session: Session, found: RefreshSession, agent_id: str | None, now: datetime) -> bool:
    """Meet the agent and bind the session to it at first use; tell whether that wrote anything.

    :raises ForbiddenError: when the session is bound to another agent, or the agent has been revoked.
    """
    if agent_id is None:
        return False
    if found.agent_id not in {None, agent_id}:
        raise ForbiddenError("agent_mismatch", "The session belongs to another agent.")
    met = agents.meet(session, account_id=found.account_id, agent_id=agent_id, now=now)
    bound = found.agent_id is None
    found.agent_id = agent_id
    return met or bound


def browse(
    session: Session, periods: Periods, *, account_id: UUID, now: datetime
) -> Sequence[RefreshSession]:
    """Return the account's sessions that are not over, the one used last first."""
    query = select(RefreshSession).where(
        RefreshSession.account_id == account_id,
        RefreshSession.revoked_at.is_(None),
        RefreshSession.rotated_at >= now - periods.idle,
        RefreshSession.created_at >= now - periods.absolute,
        or_(RefreshSession.pending.is_(False), RefreshSession.created_at >= now - PENDING_LASTS),
    )
    return session.scalars(
        query.order_by(RefreshSession.rotated_at.desc(), RefreshSession.id)
    ).all()


def live(session: Session, *, account_id: UUID, session_id: UUID) -> bool:
    """Tell whether a session has not been ended."""
    query = select(RefreshSession.id).where(
        RefreshSession.account_id == account_id,
        RefreshSession.id == session_id,
        RefreshSession.revoked_at.is_(None),
    )
    return session.scalar(query) is not None


def settled_before(session: Session, *, account_id: UUID, agent_id: str) -> bool:
    """Tell whether the agent ever had a session of the account that owed no factor."""
    query = select(RefreshSession.id).where(
        RefreshSession.account_id == account_id,
        RefreshSession.agent_id == agent_id,
        RefreshSession.pending.is_(False),
    )
    return session.scalar(query.limit(1)) is not None


def end(
    session: Session, *, account_id: UUID, session_id: UUID, reason: str, now: datetime
) -> None:
    """End one of the account's sessions.

    :raises NotFoundError: when it has none with this id that has not ended.
    """
    only = RefreshSession.id == session_id
    if not _end(session, only, account_id=account_id, reason=reason, now=now):
        raise NotFoundError("session_unknown", "There is no such session.")


def end_all(
    session: Session, *, account_id: UUID, reason: str, now: datetime, keep: UUID | None = None
) -> int:
    """End the account's sessions, all or all but one; return how many."""
    others = RefreshSession.id != keep if keep else True
    return _end(session, others, account_id=account_id, reason=reason, now=now)


def revoke_agent(session: Session, *, account_id: UUID, agent_id: str, now: datetime) -> int:
    """Block an agent's id and end the sessions that are bound to it; return how many.

    :raises NotFoundError: when the account has no agent with this id.
    """
    agents.revoke(session, account_id=account_id, agent_id=agent_id, now=now)
    bound = RefreshSession.agent_id == agent_id
    return _end(session, bound, account_id=account_id, reason="agent_revoked", now=now)


def prove(
    session: Session, *, session_id: UUID, now: datetime, amr: str | None = None
) -> RefreshSession:
    """Note that a session's holder has just proved who they are; it owes nothing any more."""
    found = session.get_one(RefreshSession, session_id)
    found.proved_at, found.pending, found.tries = now, False, 0
    found.amr = amr or found.amr
    return found


def _end(session: Session, which: object, *, account_id: UUID, reason: str, now: datetime) -> int:
    ended = session.scalars(
        update(RefreshSession)
        .where(RefreshSession.account_id == account_id, RefreshSession.revoked_at.is_(None), which)  # type: ignore[arg-type] # SQL or True
        .values(revoked_at=now, revoked_reason=reason)
        .returning(RefreshSession.id)
    )
    return len(ended.all())
