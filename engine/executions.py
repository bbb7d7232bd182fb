"""Runs of definitions: the row is the truth, and it ends exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.errors import NotFoundError
from engine.store import outbox
from engine.store.models import Definition, Execution


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks to run: the input sealed to the engine, and to whom the result is sealed."""

    input_sealed: str
    seal_result: bool


def start(
    session: Session, *, account_id: UUID, definition: Definition, order: Order, now: datetime
) -> Execution:
    """Store an execution and have it started; its definition follows it from now on."""
    execution = Execution(
        id=uuid7(),
        account_id=account_id,
        definition_id=definition.id,
        definition_version=definition.version,
        status="running",
        input_sealed=order.input_sealed,
        seal_result=order.seal_result,
        created_at=now,
    )
    session.add(execution)
    definition.status = "running"
    definition.last_execution_id = execution.id
    definition.updated_at = now
    outbox.append(session, account_id=account_id, kind=outbox.EXECUTE, subject=str(execution.id), now=now)
    session.flush()
    return execution


def find(session: Session, *, account_id: UUID, execution_id: UUID) -> Execution:
    """Return one of the account's executions.

    :raises NotFoundError: when it has none with this id.
    """
    query = select(Execution).where(Execution.account_id == account_id, Execution.id == execution_id)
    execution = session.scalars(query).one_or_none()
    if execution is None:
        raise NotFoundError("execution_unknown", "There is no such execution.")
    return execution


def settle(
    session: Session,
    *,
    account_id: UUID,
    execution_id: UUID,
    status: str,
    outcome_sealed: str,
    now: datetime,
) -> bool:
    """End an execution that is still running; tell whether this call ended it.

    A compare-and-set: of an activity that is retried, a reconciler and another worker, one wins.
    """
    ended = session.scalar(
        update(Execution)
        .where(
            Execution.account_id == account_id, Execution.id == execution_id, Execution.status == "running"
        )
        .values(status=status, outcome_sealed=outcome_sealed, ended_at=now)
        .returning(Execution.definition_id)
    )
    outbox.discard(session, account_id=account_id, kind=outbox.EXECUTE, subject=str(execution_id))
    if ended is None:
        return False
    session.execute(
        update(Definition)
        .where(Definition.id == ended, Definition.last_execution_id == execution_id)
        .values(status=status, updated_at=now)
    )
    return True


def still_running(session: Session, execution_ids: Sequence[UUID]) -> Sequence[Execution]:
    """Return those of the executions whose rows have not ended; for the reconciler, across accounts."""
    query = select(Execution).where(Execution.id.in_(execution_ids), Execution.status == "running")
    return session.scalars(query).all()
