"""Tombstones: deletions, stored for 90 days and until every live agent has pulled past them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, delete, func, literal_column, select, tuple_, update
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.store.account_scope import AgentScope
from engine.store.accounts import Agent
from engine.store.sync import SyncHead, SyncPast, SyncState
from engine.sync import siblings, stored_bytes

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
    """Delete the expired tombstones and siblings of all accounts; return how many tombstones.

    The earlier versions of a tombstone's entity go with it; a tombstone with siblings stays as long
    as they do. The same transaction moves the horizon, so that older cursors must start over.
    """
    lost_bytes = siblings.delete_older(session, before=now - RETENTION)
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
    size = literal_column(stored_bytes.VERSION_SQL, BigInteger()).label("size")
    rows = session.execute(
        delete(SyncState)
        .where(
            SyncState.deleted,
            SyncState.sibling_count == 0,
            SyncState.stamp < oldest,
            SyncState.stamp <= func.coalesce(pulled_by_all, oldest),
        )
        .returning(SyncState.account_id, SyncState.stamp, SyncState.type, SyncState.entity_id, size)
        .execution_options(synchronize_session=False)
    ).all()
    newest: dict[UUID, int] = {}
    for row in rows:
        lost_bytes[row.account_id] += row.size
        newest[row.account_id] = max(newest.get(row.account_id, 0), row.stamp)
    lost_bytes += _delete_past_versions(
        session, [(row.account_id, row.type, row.entity_id) for row in rows]
    )
    for account_id, account_bytes in sorted(lost_bytes.items()):
        _write_head(
            session, account_id, lost_bytes=account_bytes, horizon=newest.get(account_id, 0)
        )
    return len(rows)


def _delete_past_versions(session: Session, keys: Sequence[tuple[UUID, str, str]]) -> Counter[UUID]:
    """Delete the past versions of entities; return the stored bytes that each account lost."""
    lost_bytes: Counter[UUID] = Counter()
    if keys:
        key = tuple_(SyncPast.account_id, SyncPast.type, SyncPast.entity_id)
        size = literal_column(stored_bytes.PAST_SQL, BigInteger())
        statement = delete(SyncPast).where(key.in_(keys)).returning(SyncPast.account_id, size)
        unsynchronized = statement.execution_options(synchronize_session=False)
        for account_id, row_bytes in session.execute(unsynchronized):
            lost_bytes[account_id] += row_bytes
    return lost_bytes


def _write_head(session: Session, account_id: UUID, *, lost_bytes: int, horizon: int) -> None:
    """Write to an account's head what it lost, and up to which stamp tombstones are missing."""
    session.execute(
        update(SyncHead)
        .where(SyncHead.account_id == account_id)
        .values(
            horizon=func.greatest(SyncHead.horizon, horizon),
            stored_bytes=SyncHead.stored_bytes - lost_bytes,
        )
        .execution_options(synchronize_session=False)
    )
