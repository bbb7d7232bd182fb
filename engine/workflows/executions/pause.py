"""Pause and resumption of running executions: the row holds the wish, the outbox delivers it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from engine.contracts.outbox_messages import ExecutionPause
from engine.errors import ConflictError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.workflows.executions import executions


def set_paused(scope: AccountScope, execution_id: UUID, *, paused: bool) -> Execution:
    """Have a running execution pause or resume; nothing happens when it does so already.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_ended`.
    """
    query = select(Execution).where(
        Execution.account_id == scope.account_id, Execution.id == execution_id
    )
    execution = scope.session.scalars(query.with_for_update(key_share=True)).one_or_none()
    if execution is None:
        raise executions.unknown()
    if execution.status != "running":
        detail = "The execution has ended: there is nothing to pause or to resume."
        raise ConflictError("execution_ended", detail)
    if execution.paused != paused:
        execution.paused, execution.holds = paused, execution.holds + 1
        outbox.append(scope.session, pause_message(execution), now=scope.now)
        scope.session.flush()
    return execution


def pause_message(execution: Execution) -> ExecutionPause:
    """Return the outbox message of an execution's latest pause or resumption."""
    return ExecutionPause(execution.account_id, execution.id, execution.holds)
