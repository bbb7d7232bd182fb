"""Pausing an account's executions: the row says what is wanted, and the outbox brings it to the walk."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.contracts.pause import PauseCommand
from engine.errors import ConflictError
from engine.store import outbox
from engine.store.executions import Execution
from engine.workflows.executions import executions


def hold(
    session: Session, *, account_id: UUID, execution_id: UUID, paused: bool, now: datetime
) -> Execution:
    """Have a running execution pause, or go on; one that does already is left alone.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_ended`.
    """
    query = select(Execution).where(
        Execution.account_id == account_id, Execution.id == execution_id
    )
    execution = session.scalars(query.with_for_update(key_share=True)).one_or_none()
    if execution is None:
        raise executions.unknown()
    if execution.status != "running":
        raise ConflictError("execution_ended", "The execution has ended: there is nothing to hold.")
    if execution.paused != paused:
        execution.paused, execution.holds = paused, execution.holds + 1
        subject = subject_of(execution)
        outbox.append(session, account_id=account_id, kind=outbox.HOLD, subject=subject, now=now)
        session.flush()
    return execution


def wanted(session: Session, execution_id: UUID) -> PauseCommand | None:
    """Return what is to be signalled to an execution at the moment; nothing once it has ended."""
    execution = session.get(Execution, execution_id)
    if execution is None or execution.status != "running":
        return None
    return PauseCommand(execution.holds, execution.paused)


def subject_of(execution: Execution) -> str:
    """Return what the outbox calls the last word to an execution: each has a message of its own."""
    return f"{execution.id}:{execution.holds}"


def execution_of(subject: str) -> UUID:
    """Return the execution that a message is to."""
    return UUID(subject.partition(":")[0])
