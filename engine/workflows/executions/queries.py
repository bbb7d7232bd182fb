"""Queries of executions: pages and counts of an account's, and all that run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import Select, String, cast, exists, func, select, tuple_
from sqlalchemy.orm import Session, defer

from engine.contracts import timestamps
from engine.contracts.outbox_messages import ExecutionLaunch
from engine.errors import Fault, InvalidError
from engine.store.account_scope import AccountScope
from engine.store.executions import Execution
from engine.store.outbox import OutboxMessage
from engine.workflows import definitions


@dataclass(frozen=True, slots=True)
class ExecutionCursor:
    """Position between two executions, by creation time and id; its text is opaque to clients."""

    created_at: datetime
    execution_id: UUID

    def __str__(self) -> str:
        """Return the text form."""
        return f"{timestamps.from_datetime(self.created_at):x}.{self.execution_id.hex}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        :raises InvalidError: `cursor_invalid`, for any other text.
        """
        stamp, _, execution_id = text.partition(".")
        try:
            return cls(timestamps.to_datetime(int(stamp, 16)), UUID(execution_id))
        except (ValueError, OverflowError):
            fault = Fault("/cursor", "must be a cursor that a list has returned")
            raise InvalidError(
                "cursor_invalid", "The cursor is not valid.", faults=[fault]
            ) from None


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Filter of executions; it compares creation times, `since` inclusive, `until` exclusive."""

    status: str | None = None
    definition_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExecutionPage:
    """Some executions, newest first, and the cursor of the next page."""

    executions: Sequence[Execution]
    next: ExecutionCursor | None


@dataclass(frozen=True, slots=True)
class RunningExecution:
    """Execution that runs by its row; with a launch in the outbox Temporal need not know it yet."""

    account_id: UUID
    execution_id: UUID
    awaits_launch: bool = False


def list_executions(
    scope: AccountScope, criteria: ExecutionFilter, *, limit: int, after: ExecutionCursor | None
) -> ExecutionPage:
    """Return up to `limit` of the account's executions after a cursor, newest first.

    They come without inputs and outcomes. Each filter has an index in this order, so that a page
    costs the same however many there are.

    :raises NotFoundError: when the account has no such definition.
    """
    if criteria.definition_id is not None:
        definitions.find(scope, criteria.definition_id)
    query = _select(criteria, scope.account_id)
    if after is not None:
        position = tuple_(Execution.created_at, Execution.id)
        query = query.where(position < (after.created_at, after.execution_id))
    newest_first = query.order_by(Execution.created_at.desc(), Execution.id.desc())
    rows = scope.session.scalars(
        newest_first.limit(limit + 1).options(
            defer(Execution.input_sealed), defer(Execution.outcome_sealed)
        )
    ).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return ExecutionPage(rows[:limit], ExecutionCursor(last.created_at, last.id) if last else None)


def count_executions(scope: AccountScope, criteria: ExecutionFilter) -> int:
    """Return how many of the account's executions match; the definition must be the account's."""
    query = _select(criteria, scope.account_id).with_only_columns(func.count())
    return scope.session.scalar(query) or 0


def find_running(session: Session, execution_ids: Sequence[UUID]) -> Sequence[RunningExecution]:
    """Return those of these executions that run by their rows, of whatever account."""
    query = select(Execution.id, Execution.account_id).where(
        Execution.id.in_(execution_ids), Execution.status == "running"
    )
    return [RunningExecution(row.account_id, row.id) for row in session.execute(query)]


def list_running(
    session: Session, *, after: RunningExecution | None, limit: int
) -> Sequence[RunningExecution]:
    """Return up to `limit` running executions of all accounts after one, by account and id.

    This is the order of the index of running executions, so that a page costs the same however many
    have ended.
    """
    awaits_launch = exists().where(
        OutboxMessage.kind == ExecutionLaunch.kind,
        OutboxMessage.account_id == Execution.account_id,
        OutboxMessage.subject == cast(Execution.id, String),
    )
    query = select(Execution.account_id, Execution.id, awaits_launch.label("awaits_launch")).where(
        Execution.status == "running"
    )
    if after is not None:
        # With the row comparison alone the planner would not begin at the account in its index.
        query = query.where(
            Execution.account_id >= after.account_id,
            tuple_(Execution.account_id, Execution.id) > (after.account_id, after.execution_id),
        )
    rows = session.execute(query.order_by(Execution.account_id, Execution.id).limit(limit))
    return [RunningExecution(row.account_id, row.id, row.awaits_launch) for row in rows]


def awaits_launch(session: Session, execution_id: UUID) -> bool:
    """Tell whether the outbox still has the launch of an execution, of whatever account."""
    row_id = select(OutboxMessage.id).where(
        OutboxMessage.kind == ExecutionLaunch.kind, OutboxMessage.subject == str(execution_id)
    )
    return session.scalar(row_id.limit(1)) is not None


def _select(criteria: ExecutionFilter, account_id: UUID) -> Select[Execution]:
    query = select(Execution)
    if criteria.definition_id is None:
        query = query.where(Execution.account_id == account_id)
    else:  # the account's own; with both conditions the planner would take the account's index
        query = query.where(Execution.definition_id == criteria.definition_id)
    if criteria.status is not None:
        query = query.where(Execution.status == criteria.status)
    if criteria.since is not None:
        query = query.where(Execution.created_at >= criteria.since)
    if criteria.until is not None:
        query = query.where(Execution.created_at < criteria.until)
    return query
