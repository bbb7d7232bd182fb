"""Tombstones: deletions, stored for 90 days and until every live agent has pulled past them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.store.account_scope import AgentScope
from engine.store.accounts import Agent
from engine.store.sync import SyncHead, SyncPast, SyncState
from engine.sync import siblings

RETENTION = timedelta(days=90)
# An agent that was away for longer pulls from the start: its cursor is before the horizon.
LIVE_AGENT_AGE_MAX = timedelta(days=180)
# An agent's cursor is stored at most this often, so a tombstone may stay this much longer.
CURSOR_INTERVAL = timedelta(hours=1)


def store_cursor(scope: AgentScope, since: int, *, last_stamp: int = 0) -> bool:
    """Store that an agent has all changes up to the stamp `since`; tell whether that wrote a row.

    `last_stamp` is the cursor that the caller read with the agent: it mostly saves the statement.
    """
    due = since - CURSOR_INTERVAL // timedelta(microseconds=1)
    if last_stamp > due:
        return False
    statement = (
        update(Agent)
        .where(
            Agent.account_id == scope.account_id,
            Agent.id == scope.agent_id,
            Agent.pulled_stamp <= due,
        )
        .values(pulled_stamp=since)
        .returning(Agent.id)
        .execution_options(synchronize_session=False)
    )
    return scope.session.scalar(statement) is not None


def delete_expired(session: Session, *, now: datetime) -> int:
    """Delete the expired tombstones and siblings of all accounts; return their number.

    The earlier versions of a tombstone's entity go with it; a tombstone with siblings stays as long
    as they do. The same transaction moves the horizon, so that older cursors must start over.
    """
    sibling_count = siblings.delete_older(session, before=now - RETENTION)
    pulled_by_all = (
        select(func.min(Agent.pulled_stamp))
        .where(
            Agent.account_id == SyncState.account_id,
            Agent.revoked_at.is_(None),
            Agent.last_seen_at > now - LIVE_AGENT_AGE_MAX,
        )
        .scalar_subquery()
    )
    oldest = timestamps.from_datetime(now - RETENTION)
    rows = session.execute(
        delete(SyncState)
        .where(
            SyncState.deleted,
            SyncState.sibling_count == 0,
            SyncState.stamp < oldest,
            SyncState.stamp <= func.coalesce(pulled_by_all, oldest),
        )
        .returning(SyncState.account_id, SyncState.stamp, SyncState.type, SyncState.entity_id)
        .execution_options(synchronize_session=False)
    ).all()
    _delete_past_versions(session, rows)
    for account_id in {row.account_id for row in rows}:
        newest = max(row.stamp for row in rows if row.account_id == account_id)
        session.execute(
            update(SyncHead)
            .where(SyncHead.account_id == account_id)
            .values(horizon=func.greatest(SyncHead.horizon, newest))
            .execution_options(synchronize_session=False)
        )
    return sibling_count + len(rows)


def _delete_past_versions(session: Session, rows: Sequence[Row[UUID, int, str, str]]) -> None:
    keys = [(row.account_id, row.type, row.entity_id) for row in rows]
    if keys:
        key = tuple_(SyncPast.account_id, SyncPast.type, SyncPast.entity_id)
        session.execute(
            delete(SyncPast).where(key.in_(keys)).execution_options(synchronize_session=False)
        )
