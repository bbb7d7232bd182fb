"""Retry of failed executions: another execution continues from the step that failed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from engine.errors import ConflictError
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.workflows import definitions
from engine.workflows.executions import executions
from engine.workflows.executions.executions import ExecutionLimits, SealedInput


def retry_execution(
    scope: AccountScope, execution_id: UUID, *, latest: bool, limits: ExecutionLimits
) -> Execution:
    """Start an execution that continues a failed one, by that one's version or by the latest.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_not_failed`; `execution_retried`, when another continues it
        already; `executions_too_many`.
    :raises ForbiddenError: `quota_exceeded`.
    """
    failed = executions.find(scope, execution_id)
    definition = definitions.find(scope, failed.definition_id, lock=True)
    # These locks also let only one of two simultaneous retries through.
    executions.admit(scope, failed.input_sealed, limits)
    if failed.status != "failed":
        raise ConflictError(
            "execution_not_failed", "Only an execution that has failed can be retried."
        )
    successor = select(Execution.id).where(
        Execution.retry_of == execution_id, Execution.status != "failed"
    )
    successor_id = scope.session.scalars(successor.limit(1)).first()
    if successor_id is not None:
        detail = "Another execution continues this one, or has continued it."
        raise ConflictError("execution_retried", detail, extra={"executionId": str(successor_id)})
    return executions.start(
        scope,
        definition,
        SealedInput(failed.input_sealed, failed.seal_result),
        retry_of=failed.id,
        version=None if latest else failed.definition_version,
    )
