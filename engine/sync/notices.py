"""Notices: telling an account's other agents that there is something to pull, and never what."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from engine.store import outbox
from engine.store.models import Agent, SyncState
from engine.sync import feed, stamp


@dataclass(frozen=True, slots=True)
class Notice:
    """The newest stamp that is news to an agent, and the types that changed."""

    head: int
    types: list[str]

    def told(self) -> dict[str, object]:
        """Return it as clients see it."""
        return {"head": stamp.text(self.head), "types": self.types}


def channel(account_id: UUID | str) -> str:
    """Return the Redis channel of an account's notices."""
    return f"notices:{account_id}"


def news(session: Session, *, account_id: UUID, agent_id: str, since: int) -> Notice | None:
    """Return what other agents have changed after the stamp `since`, or nothing."""
    newest, types = session.execute(
        select(func.max(SyncState.stamp), func.array_agg(SyncState.type.distinct())).where(
            SyncState.account_id == account_id, SyncState.stamp > since, SyncState.agent_id != agent_id
        )
    ).one()
    return None if newest is None else Notice(newest, sorted(types))


def deliver(session: Session, publish: Callable[[str, str], object], *, account_id: UUID) -> None:
    """Tell every live agent of the account what others have changed since it was last told.

    One message for the account carries a notice per agent. Doing it twice tells nothing new; doing it
    once after many changes tells of all of them. What was waiting in the outbox before is then done.
    """
    waiting = outbox.waiting(session, account_id=account_id, kind=outbox.CHANGED)
    newest = feed.head(session, account_id)
    rows = session.execute(
        select(Agent.id, func.max(SyncState.stamp), func.array_agg(SyncState.type.distinct()))
        .join(SyncState, SyncState.account_id == Agent.account_id)
        .where(
            Agent.account_id == account_id,
            Agent.revoked_at.is_(None),
            SyncState.stamp > Agent.notified_stamp,
            SyncState.agent_id != Agent.id,
        )
        .group_by(Agent.id)
    )
    told = {agent_id: Notice(head, sorted(types)).told() for agent_id, head, types in rows}
    if told:
        publish(channel(account_id), json.dumps(told))
    session.execute(
        update(Agent)
        .where(Agent.account_id == account_id, Agent.notified_stamp < newest)
        .values(notified_stamp=newest)
        .execution_options(synchronize_session=False)
    )
    outbox.done(session, waiting)
