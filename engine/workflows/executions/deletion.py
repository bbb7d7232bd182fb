"""Deletion of executions that have ended: one by its owner's request, old ones by their age."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete as delete_from
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, aliased

from engine.contracts.outbox_messages import ExecutionErasure
from engine.errors import ConflictError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.executions import executions

BATCH_ROWS = 500  # deleted at a time, so that nobody waits long for a row


def delete(scope: AccountScope, execution_id: UUID) -> None:
    """Delete an execution that has ended, and what Temporal stores of it.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_running`.
    """
    session, execution = scope.session, executions.find(scope, execution_id)
    if execution.status == "running":
        raise ConflictError("execution_running", "The execution has not ended: stop it first.")
    definition = definitions.find(scope, execution.definition_id, lock=True)
    session.delete(execution)
    session.flush()
    if definition.last_execution_id == execution_id:
        newest_first = (
            select(Execution)
            .where(Execution.definition_id == definition.id)
            .order_by(Execution.created_at.desc(), Execution.id.desc())
        )
        last = session.scalars(newest_first.limit(1)).one_or_none()
        definition.last_execution_id = last.id if last else None
        definition.status = last.status if last else "draft"
    message = ExecutionErasure(scope.account_id, execution_id)
    outbox.append(session, message, now=scope.now, delay_seconds=0)


def delete_expired(session: Session, *, days: int, now: datetime) -> int:
    """Delete executions of all accounts that ended more than `days` ago; return how many.

    At most BATCH_ROWS. One whose parent still runs stays: the parent may yet read its result.
    """
    parent = aliased(Execution)
    is_awaited = exists().where(parent.id == Execution.ordered_by, parent.ended_at.is_(None))
    expired = (
        select(Execution.id)
        .where(Execution.ended_at < now - timedelta(days=days), ~is_awaited)
        .limit(BATCH_ROWS)
        .with_for_update(skip_locked=True)
    )
    ids = session.scalars(expired).all()
    _delete(session, ids)
    return len(ids)


def _delete(session: Session, ids: Sequence[UUID]) -> None:
    unlink = (
        update(Definition)
        .where(Definition.last_execution_id.in_(ids))
        .values(last_execution_id=None)
    )
    for statement in (unlink, delete_from(Execution).where(Execution.id.in_(ids))):
        session.execute(statement.execution_options(synchronize_session=False))
