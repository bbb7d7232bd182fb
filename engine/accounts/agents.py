"""Agents: devices and programs of an account, each identified by the `X-Agent-ID` it sends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from engine.errors import ForbiddenError, NotFoundError
from engine.store.account_scope import LISTED_MAX, AccountScope, AgentScope
from engine.store.accounts import Agent, Channel
from engine.store.sync import SyncHead

# `last_seen_at` is written at most once in this period, however many requests an agent sends.
SIGHTING_INTERVAL = timedelta(minutes=1)


def list_agents(scope: AccountScope) -> Sequence[Agent]:
    """Return the account's agents, the most recently seen first.

    They are LISTED_MAX at most, and one more where others follow.
    """
    query = select(Agent).where(Agent.account_id == scope.account_id)
    newest_first = query.order_by(Agent.last_seen_at.desc(), Agent.id)
    return scope.session.scalars(newest_first.limit(LISTED_MAX + 1)).all()


def get_agent(scope: AccountScope, agent_id: str) -> Agent:
    """Return one of the account's agents.

    :raises NotFoundError: when the account has no agent with this id.
    """
    agent = scope.session.get(Agent, (scope.account_id, agent_id))
    if agent is None:
        raise NotFoundError("agent_unknown", "There is no such agent.")
    return agent


def revoke(scope: AccountScope, agent_id: str) -> None:
    """Block an agent's id permanently and delete its channels.

    :raises NotFoundError: when the account has no agent with this id.
    """
    agent = get_agent(scope, agent_id)
    agent.revoked_at = agent.revoked_at or scope.now
    scope.session.execute(
        delete(Channel).where(Channel.account_id == scope.account_id, Channel.agent_id == agent_id)
    )


def is_sighting_recent(last_seen_at: datetime | None, now: datetime) -> bool:
    """Return whether the stored sighting of an agent is recent enough to be left as it is."""
    return last_seen_at is not None and now - last_seen_at <= SIGHTING_INTERVAL


def record_sighting(scope: AgentScope) -> bool:
    """Register an agent at its first request and update when it was last seen.

    Returns whether a row was written.

    :raises ForbiddenError: when the agent is revoked.
    """
    session, now = scope.session, scope.now
    agent = session.get(Agent, (scope.account_id, scope.agent_id))
    if agent is None:
        # A new agent pulls everything first, so it needs no notification of older changes.
        head = select(SyncHead.stamp).where(SyncHead.account_id == scope.account_id)
        session.execute(
            insert(Agent)
            .values(
                account_id=scope.account_id,
                id=scope.agent_id,
                created_at=now,
                last_seen_at=now,
                notified_stamp=func.coalesce(head.scalar_subquery(), 0),
            )
            .on_conflict_do_nothing()
        )
        return True
    if agent.revoked_at is not None:
        raise ForbiddenError("agent_revoked", "This agent has been revoked.")
    if is_sighting_recent(agent.last_seen_at, now):
        return False
    agent.last_seen_at = now
    return True
