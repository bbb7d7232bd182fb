"""The end of an execution: once, by whoever comes first, and all that goes by it in one statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from engine.contracts.executions import execution_workflow_id
from engine.observability import metrics
from engine.store.events import Listener
from engine.store.executions import Execution
from engine.store.workflows import Definition
from engine.workflows.executions import executions


def settle(
    session: Session,
    *,
    account_id: UUID,
    execution_id: UUID,
    status: str,
    outcome_sealed: str | None,
    left_sealed: str | None = None,
    ended_by: str | None = None,
    now: datetime,
) -> bool:
    """End an execution that is still running; tell whether this call ended it.

    What nobody could seal an outcome for names the ending instead (`forced_ends`).
    A compare-and-set: of an activity that is retried, a reconciler and another worker, one wins.
    """
    ended = (
        update(Execution)
        .where(
            Execution.account_id == account_id,
            Execution.id == execution_id,
            Execution.status == "running",
        )
        .values(
            status=status,
            outcome_sealed=outcome_sealed,
            left_sealed=left_sealed,
            ended_by=ended_by,
            ended_at=now,
        )
        .returning(Execution.definition_id)
        .cte("ended")
    )
    followed = (
        update(Definition)
        .where(Definition.id == ended.c.definition_id, Definition.last_execution_id == execution_id)
        .values(status=status, updated_at=now)
        .returning(Definition.id)
        .cte("followed")
    )
    workflow_id = execution_workflow_id(str(execution_id))
    deaf = (
        delete(Listener)
        .where(Listener.workflow_id == workflow_id)
        .returning(Listener.key)
        .cte("deaf")
    )
    # One statement: this is the last thing between a workflow's end and its owner's answer.
    started = executions.started(account_id, execution_id)
    found = session.scalar(select(ended.c.definition_id).add_cte(followed, started, deaf))
    session.expire_all()  # what was read before is no longer so
    if found is not None:
        metrics.EXECUTIONS_ENDED.labels(status).inc()
    return found is not None
