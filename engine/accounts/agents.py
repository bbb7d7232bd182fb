"""Devices and programs of an account, each known by the id it sends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from engine.errors import ForbiddenError, NotFoundError
from engine.store.accounts import Agent, Channel
from engine.store.sync import SyncHead

# A row written at most this often, however many requests an agent sends.
SEEN_EVERY = timedelta(minutes=1)


def browse(session: Session, *, account_id: UUID) -> Sequence[Agent]:
    """Return the account's agents, the one seen last first."""
    query = select(Agent).where(Agent.account_id == account_id)
    return session.scalars(query.order_by(Agent.last_seen_at.desc(), Agent.id)).all()


def find(session: Session, *, account_id: UUID, agent_id: str) -> Agent:
    """Return one of the account's agents.

    :raises NotFoundError: when it has none with this id.
    """
    found = session.get(Agent, (account_id, agent_id))
    if found is None:
        raise NotFoundError("agent_unknown", "There is no such agent.")
    return found


def revoke(session: Session, *, account_id: UUID, agent_id: str, now: datetime) -> None:
    """Block an agent's id for good, and forget its channels.

    :raises NotFoundError: when the account has no agent with this id.
    """
    found = find(session, account_id=account_id, agent_id=agent_id)
    found.revoked_at = found.revoked_at or now
    session.execute(
        delete(Channel).where(Channel.account_id == account_id, Channel.agent_id == agent_id)
    )


def lately(last_seen_at: datetime | None, now: datetime) -> bool:
    """Tell whether an agent was seen so lately that it need not be noted again."""
    return last_seen_at is not None and now - last_seen_at <= SEEN_EVERY


def meet(session: Session, *, account_id: UUID, agent_id: str, now: datetime) -> bool:
    """Register an agent at first sight, and note when it was last seen; tell whether that wrote anything.

    :raises ForbiddenError: when the agent has been revoked.
    """
    known = session.get(Agent, (account_id, agent_id))
    if known is None:
        # Told of nothing older than itself: a new agent pulls from the start anyway.
        head = select(SyncHead.stamp).where(SyncHead.account_id == account_id).scalar_subquery()
        session.execute(
            insert(Agent)
            .values(
                account_id=account_id,
                id=agent_id,
                created_at=now,
                last_seen_at=now,
                notified_stamp=func.coalesce(head, 0),
            )
            .on_conflict_do_nothing()
        )
        return True
    if known.revoked_at is not None:
        raise ForbiddenError("agent_revoked", "This agent has been revoked.")
    if lately(known.last_seen_at, now):
        return False
    known.last_seen_at = now
    return True
