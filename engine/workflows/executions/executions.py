"""Executions of definitions: started, found and opened. The row is the truth, and it ends once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sqlalchemy import CTE, func, select, update
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts.outbox_messages import ExecutionLaunch
from engine.crypto.public_keys import require_encryption_key
from engine.errors import ConflictError, EngineError, ForbiddenError, NotFoundError
from engine.observability import metrics
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.accounts import Account
from engine.store.executions import Execution
from engine.store.outbox import OutboxMessage
from engine.store.workflows import Definition, DefinitionVersion
from engine.sync.change import QUOTA_BYTES
from engine.workflows import definitions, storage_quota, versions
from engine.workflows.events import subscriptions

# The relay launches what the workflow of a schedule has not started within this time.
LAUNCH_DELAY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SealedInput:
    """Input as a JWE to an engine key, and whether the result is sealed to the account's key."""

    jwe: str
    seal_result: bool


@dataclass(frozen=True, slots=True)
class ExecutionLimits:
    """Most executions of an account that run at once, and the quota of all that it stores."""

    running_max: int
    quota_bytes: int = QUOTA_BYTES

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the limits from the settings."""
        return cls(settings.executions_per_account_max, settings.sync_quota_bytes)


@dataclass(frozen=True, slots=True)
class AssignedId:
    """Id of an execution that a workflow starts itself, a schedule's or another execution's.

    The relay launches it after `launch_delay` seconds if it has not begun; None: it has begun.
    """

    execution_id: UUID
    launch_delay: float | None = LAUNCH_DELAY_SECONDS


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """Rows with which an execution begins, and the routing keys of other definitions' listeners."""

    execution: Execution
    version: DefinitionVersion
    routing_keys: Collection[str]


def execute(
    scope: AccountScope,
    definition_id: UUID,
    sealed_input: SealedInput,
    *,
    version: int | None,
    limits: ExecutionLimits,
) -> Execution:
    """Start an execution of a definition, by its newest version or by the one that is named.

    :raises NotFoundError: when the account has no such definition or version.
    :raises ConflictError: `executions_too_many`; when the account's key cannot seal the result.
    :raises ForbiddenError: `quota_exceeded`.
    """
    definition = definitions.find(scope, definition_id, lock=True)
    if version is not None:
        versions.find(scope, definition_id, version)
    account = admit(scope, sealed_input.jwe, limits)
    if sealed_input.seal_result:
        require_encryption_key(account.public_key)
    return start(scope, definition, sealed_input, version=version)


def admit(scope: AccountScope, input_jwe: str, limits: ExecutionLimits) -> Account:
    """Return the account, its row locked, when it may have one more execution running.

    The lock keeps both answers true until the commit: simultaneous requests see one another.

    :raises ConflictError: `executions_too_many`.
    :raises ForbiddenError: `quota_exceeded`.
    """
    running_max = limits.running_max
    # FOR UPDATE would also keep out whatever only refers to the account.
    account = scope.session.get_one(Account, scope.account_id, with_for_update={"key_share": True})
    query = select(func.count()).where(
        Execution.account_id == scope.account_id, Execution.status == "running"
    )
    if (scope.session.scalar(query) or 0) >= running_max:
        detail = (
            f"An account may have {running_max} executions running at once:"
            " wait until one has ended."
        )
        raise ConflictError("executions_too_many", detail, extra={"limit": "concurrentExecutions"})
    storage_quota.check_room(scope, len(input_jwe), quota_bytes=limits.quota_bytes)
    return account


def start(
    scope: AccountScope,
    definition: Definition,
    sealed_input: SealedInput,
    *,
    assigned: AssignedId | None = None,
    retry_of: UUID | None = None,
    version: int | None = None,
) -> Execution:
    """Store an execution and its launch; the definition's status follows it from now on.

    It runs the newest version, or the one that is named, whatever is saved later. The launch stays
    in the outbox until the execution begins: one that neither the outbox nor Temporal has is lost.
    """
    assigned = assigned or AssignedId(uuid7(), launch_delay=outbox.DELAY_SECONDS)
    execution = Execution(
        id=assigned.execution_id,
        account_id=scope.account_id,
        definition_id=definition.id,
        definition_version=version or definition.version,
        status="running",
        input_sealed=sealed_input.jwe,
        seal_result=sealed_input.seal_result,
        created_at=scope.now,
        retry_of=retry_of,
    )
    scope.session.add(execution)
    definition.status = "running"
    definition.last_execution_id = execution.id
    definition.updated_at = scope.now
    if assigned.launch_delay is not None:
        launch = ExecutionLaunch(scope.account_id, execution.id)
        outbox.append(scope.session, launch, now=scope.now, delay_seconds=assigned.launch_delay)
    scope.session.flush()
    metrics.EXECUTIONS_STARTED.inc()
    return execution


def start_child(
    scope: AccountScope,
    definition: Definition,
    execution_id: UUID,
    *,
    parent_id: UUID,
    input_jwe: str,
    limits: ExecutionLimits,
) -> EngineError | None:
    """Store an execution that another one runs, once; its result is sealed as its parent's.

    :return: the refusal when it is one too many. Its row is stored all the same, to end with that.
    """
    refusal: EngineError | None = None
    try:
        admit(scope, input_jwe, limits)
    except ConflictError as error:
        refusal = error
    except ForbiddenError as error:  # the quota is full: the row has no room for an input
        refusal, input_jwe = error, ""
    if scope.session.get(Execution, execution_id) is not None:
        return None
    parent = scope.session.get_one(Execution, parent_id)
    sealed_input = SealedInput(input_jwe, parent.seal_result)
    assigned = AssignedId(execution_id, launch_delay=None)
    start(scope, definition, sealed_input, assigned=assigned).ordered_by = parent_id
    scope.session.flush()
    return refusal


def find(scope: AccountScope, execution_id: UUID) -> Execution:
    """Return one of the account's executions.

    :raises NotFoundError: when the account has none with this id.
    """
    query = select(Execution).where(
        Execution.account_id == scope.account_id, Execution.id == execution_id
    )
    execution = scope.session.scalars(query).one_or_none()
    if execution is None:
        raise unknown()
    return execution


def open_with_definition(
    scope: AccountScope, execution_id: UUID, *, run_id: UUID
) -> ExecutionRecord:
    """Return all rows that an execution begins with, and delete its launch from the outbox.

    The first run of Temporal that opens it is the only one that may, until it has ended.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_begun`, when it has ended or another run has opened it.
    """
    claim = (
        update(Execution)
        .where(
            (Execution.account_id == scope.account_id) & (Execution.id == execution_id),
            Execution.status == "running",
            func.coalesce(Execution.opened_by, run_id) == run_id,
        )
        .values(opened_by=run_id)
        .returning(Execution.id)
        .cte("claim")
    )
    query = (
        select(Execution, DefinitionVersion, subscriptions.keys_of_other_definitions(), claim.c.id)
        .join(
            DefinitionVersion,
            (DefinitionVersion.definition_id == Execution.definition_id)
            & (DefinitionVersion.version == Execution.definition_version),
        )
        .outerjoin(claim, claim.c.id == Execution.id)
        .where(Execution.account_id == scope.account_id, Execution.id == execution_id)
        .add_cte(launch_deletion(scope.account_id, execution_id))
    )
    row = scope.session.execute(query).one_or_none()
    if row is None:
        raise unknown()
    if row[3] is None:
        raise ConflictError("execution_begun", "The execution has begun before, or has ended.")
    return ExecutionRecord(row[0], row[1], row[2] or ())


def launch_deletion(account_id: UUID, execution_id: UUID) -> CTE:
    """Return the deletion of an execution's launch, as a part of another statement."""
    statement = outbox.deletion(ExecutionLaunch(account_id, execution_id))
    return statement.returning(OutboxMessage.id).cte("launch")


def unknown() -> NotFoundError:
    """Return the error for an id that the account has no execution with."""
    return NotFoundError("execution_unknown", "There is no such execution.")
