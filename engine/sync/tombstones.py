"""Tombstones: deletions, kept until every live agent has heard of them, and for ninety days at least."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.store.accounts import Agent
from engine.store.sync import SyncHead, SyncPast, SyncState
from engine.sync import siblings

KEPT = timedelta(days=90)
# An agent that was away for longer pulls from the start when it is back: it meets the horizon.
LIVE = timedelta(days=180)
# An agent's progress is noted at most this often: a tombstone may stay that much longer.
NOTED_EVERY = timedelta(hours=1)


def note_pulled(
    session: Session, *, account_id: UUID, agent_id: str, since: int, noted: int = 0
) -> bool:
    """Note that an agent has all changes up to the stamp `since`; tell whether that wrote anything.

    `noted` is what the caller knows to be noted already: mostly so much that there is nothing to ask.
    """
    due = since - NOTED_EVERY // timedelta(microseconds=1)
    if noted > due:
        return False
    note = (
        update(Agent)
        .where(Agent.account_id == account_id, Agent.id == agent_id, Agent.pulled_stamp <= due)
        .values(pulled_stamp=since)
        .returning(Agent.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(note) is not None


def bury(session: Session, *, now: datetime) -> int:
    """Delete the tombstones and siblings of all accounts that are kept no more; return how many.

    With a tombstone goes what is left of its entity's past; one with siblings stays while they do. The
    horizon moves with them, in the same transaction: a cursor before it is sent back to the start.
    """
    count = siblings.expire(session, before=now - KEPT)
    heard = (
        select(func.min(Agent.pulled_stamp))
        .where(
            Agent.account_id == SyncState.account_id,
            Agent.revoked_at.is_(None),
            Agent.last_seen_at > now - LIVE,
        )
        .scalar_subquery()
    )
    old = timestamps.of(now - KEPT)
    buried = session.execute(
        delete(SyncState)
        .where(
            SyncState.deleted,
            SyncState.kept == 0,
            SyncState.stamp < old,
            SyncState.stamp <= func.coalesce(heard, old),
        )
        .returning(SyncState.account_id, SyncState.stamp, SyncState.type, SyncState.entity_id)
        .execution_options(synchronize_session=False)
    ).all()
    _forget(session, buried)
    for account_id in {row.account_id for row in buried}:
        newest = max(row.stamp for row in buried if row.account_id == account_id)
        session.execute(
            update(SyncHead)
            .where(SyncHead.account_id == account_id)
            .values(horizon=func.greatest(SyncHead.horizon, newest))
            .execution_options(synchronize_session=False)
        )
    return count + len(buried)


def _forget(session: Session, buried: Sequence[Row[UUID, int, str, str]]) -> None:
    """Delete the past versions of entities that are no more."""
    named = [(row.account_id, row.type, row.entity_id) for row in buried]
    if named:
        key = tuple_(SyncPast.account_id, SyncPast.type, SyncPast.entity_id)
        session.execute(
            delete(SyncPast).where(key.in_(named)).execution_options(synchronize_session=False)
        )
