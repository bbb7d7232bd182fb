"""How long executions that have ended are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from engine.store.executions import Execution
from engine.store.workflows import Definition

BATCH = 500  # at a time, so that nobody waits long for a row


def forget(session: Session, *, days_kept: int, now: datetime) -> int:
    """Delete some of the executions that ended longer ago; return how many, at most BATCH.

    One whose orderer still runs stays: that one may yet ask for what it gave.
    """
    orderer = aliased(Execution)
    awaited = exists().where(orderer.id == Execution.ordered_by, orderer.ended_at.is_(None))
    spent = (
        select(Execution.id)
        .where(Execution.ended_at < now - timedelta(days=days_kept), ~awaited)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = session.scalars(spent).all()
    _delete(session, ids)
    return len(ids)


def _delete(session: Session, ids: Sequence[UUID]) -> None:
    unlinked = (
        update(Definition)
        .where(Definition.last_execution_id.in_(ids))
        .values(last_execution_id=None)
    )
    for statement in (unlinked, delete(Execution).where(Execution.id.in_(ids))):
        session.execute(statement.execution_options(synchronize_session=False))
