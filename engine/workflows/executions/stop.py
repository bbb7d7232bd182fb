"""Cancellation and termination of running executions."""

from __future__ import annotations

from uuid import UUID

from engine.contracts.outbox_messages import ExecutionCancellation, ExecutionTermination
from engine.errors import ConflictError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.workflows.executions import executions


def cancel(scope: AccountScope, execution_id: UUID) -> Execution:
    """Have a running execution cancelled: it cleans up and ends.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_ended`.
    """
    execution = _find_running(scope, execution_id)
    message = ExecutionCancellation(scope.account_id, execution_id)
    outbox.append(scope.session, message, now=scope.now)
    return execution


def terminate(scope: AccountScope, execution_id: UUID) -> Execution:
    """Have a running execution terminated: it runs no further step.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_ended`.
    """
    execution = _find_running(scope, execution_id)
    message = ExecutionTermination(scope.account_id, execution_id)
    outbox.append(scope.session, message, now=scope.now)
    return execution


def _find_running(scope: AccountScope, execution_id: UUID) -> Execution:
    execution = executions.find(scope, execution_id)
    if execution.status != "running":
        raise ConflictError("execution_ended", "The execution has ended: there is nothing to stop.")
    return execution
