"""End of an execution: its row ends once, and everything that follows is one statement."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select, update

from engine.contracts.workflow_ids import ExecutionWorkflowId
from engine.observability import metrics
from engine.store.account_scope import AccountScope
from engine.store.events import Listener
from engine.store.executions import Execution
from engine.store.workflows import Definition
from engine.workflows.executions import executions


def settle(
    scope: AccountScope,
    execution_id: UUID,
    *,
    status: str,
    outcome_sealed: str | None = None,
    left_sealed: str | None = None,
    ended_by: str | None = None,
) -> bool:
    """End an execution that is still running; tell whether this call ended it.

    Where nobody could seal an outcome, `ended_by` names the ending instead (`forced_ends`). This is
    a compare-and-set: of a retried activity, a reconciler and another worker, one wins.
    """
    running = (Execution.id == execution_id) & (Execution.status == "running")
    ended = (
        update(Execution)
        .where(Execution.account_id == scope.account_id, running)
        .values(
            status=status,
            outcome_sealed=outcome_sealed,
            left_sealed=left_sealed,
            ended_by=ended_by,
            ended_at=scope.now,
        )
        .returning(Execution.definition_id)
        .cte("ended")
    )
    definition = (
        update(Definition)
        .where(Definition.id == ended.c.definition_id, Definition.last_execution_id == execution_id)
        .values(status=status, updated_at=scope.now)
        .returning(Definition.id)
        .cte("definition")
    )
    listeners = (
        delete(Listener)
        .where(Listener.workflow_id == str(ExecutionWorkflowId(execution_id)))
        .returning(Listener.key)
        .cte("listeners")
    )
    # One statement: it is the last step between the workflow's end and the answer to the client.
    launch = executions.launch_deletion(scope.account_id, execution_id)
    statement = select(ended.c.definition_id).add_cte(definition, launch, listeners)
    definition_id = scope.session.scalar(statement)
    scope.session.expire_all()  # rows that were read before are out of date
    if definition_id is not None:
        metrics.EXECUTIONS_ENDED.labels(status).inc()
    return definition_id is not None
