"""Deletion of a definition with its versions, schedules and executions."""

from __future__ import annotations

from sqlalchemy import func, select

from engine.contracts.outbox_messages import VersionCheck
from engine.contracts.workflow_ids import VersionReference
from engine.errors import ConflictError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.workflows import Definition
from engine.workflows.schedules import schedules, triggers


def delete(scope: AccountScope, definition: Definition) -> None:
    """Delete a definition, whose row is locked, with its versions, schedules and executions.

    :raises ConflictError: `workflow_running`, while executions of it run.
    """
    running = select(func.count()).where(
        Execution.definition_id == definition.id, Execution.status == "running"
    )
    count = scope.session.scalar(running) or 0
    if count:
        detail = f"Executions of the workflow run: {count}. Stop them, or wait for their end."
        raise ConflictError("workflow_running", detail, extra={"running": count})
    triggers.end_triggers(scope, definition)
    schedules.delete_of_definition(scope, definition.id)
    check = VersionCheck(scope.account_id, VersionReference(definition.id, definition.version))
    scope.session.execute(outbox.deletion(check))
    scope.session.delete(definition)
    scope.session.flush()
