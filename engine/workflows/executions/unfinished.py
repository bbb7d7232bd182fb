"""Executions that run by their rows, in turn: what the reconciler holds against Temporal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import String, cast, exists, select, tuple_
from sqlalchemy.orm import Session

from engine.store import outbox
from engine.store.executions import Execution
from engine.store.outbox import OutboxMessage


@dataclass(frozen=True, slots=True)
class Running:
    """An execution that has not ended by its row."""

    account_id: UUID
    execution_id: UUID
    awaits_start: bool = False  # in the outbox: Temporal need not know it yet


def page(session: Session, *, after: Running | None, limit: int) -> Sequence[Running]:
    """Return up to `limit` running executions that come after another, by account and id.

    The order is that of the index of what runs, so that a page costs the same however many have ended.
    """
    awaits_start = exists().where(
        OutboxMessage.kind == outbox.EXECUTE,
        OutboxMessage.account_id == Execution.account_id,
        OutboxMessage.subject == cast(Execution.id, String),
    )
    query = select(Execution.account_id, Execution.id, awaits_start.label("awaits_start")).where(
        Execution.status == "running"
    )
    if after is not None:
        # The row comparison alone would not let the planner begin at the account in its index.
        query = query.where(
            Execution.account_id >= after.account_id,
            tuple_(Execution.account_id, Execution.id) > (after.account_id, after.execution_id),
        )
    found = session.execute(query.order_by(Execution.account_id, Execution.id).limit(limit))
    return [Running(row.account_id, row.id, row.awaits_start) for row in found]
