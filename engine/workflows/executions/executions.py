"""Runs of definitions: the row is the truth, and it ends exactly once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CTE, func, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.errors import ConflictError, NotFoundError
from engine.observability import metrics
from engine.store import outbox
from engine.store.accounts import Account
from engine.store.executions import Execution
from engine.store.outbox import OutboxMessage
from engine.store.workflows import Definition, DefinitionVersion
from engine.workflows.events import subscriptions

# Seconds after which the relay starts an execution that the workflow which is to start it has not.
STARTED_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class StartedAs:
    """The id under which a workflow, a schedule's or another execution's, starts an execution itself.

    After `within` seconds the relay does, if it has not begun by then; None: it has begun.
    """

    execution_id: UUID
    within: float | None = STARTED_WITHIN


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks to run: the input sealed to the engine, and to whom the result is sealed."""

    input_sealed: str
    seal_result: bool


def admit(session: Session, *, account_id: UUID, running_max: int) -> Account:
    """Return the account, its row locked, when it may have one more execution running.

    The lock is what makes the count true until the commit: of many that ask at once, each sees the others.

    :raises ConflictError: `executions_too_many`.
    """
    # Not FOR UPDATE: that would keep out everything that only refers to the account.
    account = session.get_one(Account, account_id, with_for_update={"key_share": True})
    query = select(func.count()).where(
        Execution.account_id == account_id, Execution.status == "running"
    )
    if (session.scalar(query) or 0) >= running_max:
        detail = f"An account may have {running_max} executions running at once: wait until one has ended."
        raise ConflictError("executions_too_many", detail, extra={"limit": "concurrentExecutions"})
    return account


def start(
    session: Session,
    *,
    account_id: UUID,
    definition: Definition,
    order: Order,
    now: datetime,
    started_as: StartedAs | None = None,
    retry_of: Execution | None = None,
    version: int | None = None,
) -> Execution:
    """Store an execution and have it started; its definition follows it from now on.

    It runs the newest version, or the one that is named, whatever is saved meanwhile. `retry_of` is
    the failed execution that it goes on for. Until it has begun it is in the outbox, so that one which is
    neither there nor in Temporal is lost.
    """
    started_as = started_as or StartedAs(uuid7(), within=outbox.DELAY_SECONDS)
    execution = Execution(
        id=started_as.execution_id,
        account_id=account_id,
        definition_id=definition.id,
        definition_version=version or definition.version,
        status="running",
        input_sealed=order.input_sealed,
        seal_result=order.seal_result,
        created_at=now,
        retry_of=retry_of and retry_of.id,
    )
    session.add(execution)
    definition.status = "running"
    definition.last_execution_id = execution.id
    definition.updated_at = now
    if started_as.within is not None:
        outbox.append(
            session,
            account_id=account_id,
            kind=outbox.EXECUTE,
            subject=str(execution.id),
            now=now,
            delay_seconds=started_as.within,
        )
    session.flush()
    metrics.EXECUTIONS_STARTED.inc()
    return execution


def adopt(
    session: Session,
    *,
    definition: Definition,
    execution_id: UUID,
    by: UUID,
    input_sealed: str,
    running_max: int,
    now: datetime,
) -> ConflictError | None:
    """Store an execution that another one ordered, once; its result is sealed as the other's is.

    :return: the refusal when it is one too many: its row is there all the same, to end with that.
    """
    refusal: ConflictError | None = None
    try:
        admit(session, account_id=definition.account_id, running_max=running_max)
    except ConflictError as found:
        refusal = found
    if session.get(Execution, execution_id) is not None:
        return None
    orderer = session.get_one(Execution, by)
    start(
        session,
        account_id=definition.account_id,
        definition=definition,
        order=Order(input_sealed, orderer.seal_result),
        now=now,
        started_as=StartedAs(execution_id, within=None),
    ).ordered_by = by
    session.flush()
    return refusal


def find(session: Session, *, account_id: UUID, execution_id: UUID) -> Execution:
    """Return one of the account's executions.

    :raises NotFoundError: when it has none with this id.
    """
    query = select(Execution).where(
        Execution.account_id == account_id, Execution.id == execution_id
    )
    execution = session.scalars(query).one_or_none()
    if execution is None:
        raise unknown()
    return execution


@dataclass(frozen=True, slots=True)
class Begun:
    """An execution, the version that it runs, and the routing keys that others in its account hear."""

    execution: Execution
    definition: DefinitionVersion
    heard: Collection[str]


def open_with_definition(session: Session, *, account_id: UUID, execution_id: UUID) -> Begun:
    """Return all that an execution begins with, read at once; the relay has it to start no more.

    :raises NotFoundError: when the account has none with this id.
    """
    query = (
        select(Execution, DefinitionVersion, subscriptions.elsewhere())
        .join(
            DefinitionVersion,
            (DefinitionVersion.definition_id == Execution.definition_id)
            & (DefinitionVersion.version == Execution.definition_version),
        )
        .where(Execution.account_id == account_id, Execution.id == execution_id)
        .add_cte(started(account_id, execution_id))
    )
    found = session.execute(query).one_or_none()
    if found is None:
        raise unknown()
    return Begun(found[0], found[1], found[2] or ())


def still_running(session: Session, execution_ids: Sequence[UUID]) -> Sequence[tuple[UUID, UUID]]:
    """Return those of the executions that have not ended, each with its account; for the reconciler."""
    query = select(Execution.id, Execution.account_id).where(
        Execution.id.in_(execution_ids), Execution.status == "running"
    )
    return [(row.id, row.account_id) for row in session.execute(query)]


def awaiting_start(session: Session, execution_id: UUID) -> bool:
    """Tell whether the relay may still have to start an execution; for the router."""
    message = select(OutboxMessage.id).where(
        OutboxMessage.kind == outbox.EXECUTE, OutboxMessage.subject == str(execution_id)
    )
    return session.scalar(message) is not None


def started(account_id: UUID, execution_id: UUID) -> CTE:
    """Return what has the relay not start an execution, as a part of another statement."""
    message = outbox.discarding(
        account_id=account_id, kind=outbox.EXECUTE, subject=str(execution_id)
    )
    return message.returning(OutboxMessage.id).cte("started")


def unknown() -> NotFoundError:
    """Return the refusal of an id that the account has no execution under."""
    return NotFoundError("execution_unknown", "There is no such execution.")
