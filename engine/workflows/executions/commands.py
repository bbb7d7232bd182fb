"""An account's executions, found again and stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from engine.contracts import timestamps
from engine.errors import ConflictError, Fault, InvalidError
from engine.store import outbox
from engine.store.executions import Execution
from engine.workflows import definitions
from engine.workflows.executions import executions
from engine.workflows.executions.executions import Order

STOPS = {"cancel": outbox.CANCEL, "terminate": outbox.TERMINATE}


@dataclass(frozen=True, slots=True)
class Place:
    """A place between two executions, by when they were made."""

    created_at: datetime
    execution_id: UUID

    def __str__(self) -> str:
        """Return it as clients carry it: what it is made of is nobody's business."""
        return f"{timestamps.from_datetime(self.created_at):x}.{self.execution_id.hex}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` has given.

        :raises InvalidError: `cursor_invalid`, for anything else.
        """
        made, _, execution_id = text.partition(".")
        try:
            return cls(timestamps.to_datetime(int(made, 16)), UUID(execution_id))
        except (ValueError, OverflowError):
            fault = Fault("/cursor", "is no cursor that a list has given")
            raise InvalidError(
                "cursor_invalid", "The cursor is not valid.", faults=[fault]
            ) from None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which executions; times are of their making, `since` inclusive, `until` exclusive."""

    status: str | None = None
    definition_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some executions, newest first, and where the next page begins."""

    executions: Sequence[Execution]
    next: Place | None


def browse(
    session: Session, wanted: Wanted, *, account_id: UUID, limit: int, after: Place | None
) -> Page:
    """Return up to `limit` of the account's executions that lie after a place, newest first.

    Each filter has an index in this order, so that a page costs the same however many there are.

    :raises NotFoundError: when the account has no such definition.
    """
    if wanted.definition_id is not None:
        definitions.find(session, account_id=account_id, definition_id=wanted.definition_id)
    query = _matching(wanted, account_id)
    place = tuple_(Execution.created_at, Execution.id)
    if after is not None:
        query = query.where(place < (after.created_at, after.execution_id))
    newest_first = query.order_by(Execution.created_at.desc(), Execution.id.desc())
    found = session.scalars(newest_first.limit(limit + 1)).all()
    last = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], Place(last.created_at, last.id) if last else None)


def retry(
    session: Session,
    *,
    account_id: UUID,
    execution_id: UUID,
    latest: bool,
    running_max: int,
    now: datetime,
) -> Execution:
    """Have another execution go on from where a failed one failed, by its own version or the latest.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_not_failed`; `execution_retried` when another goes on for it already.
    """
    failed = executions.find(session, account_id=account_id, execution_id=execution_id)
    definition = definitions.find(
        session, account_id=account_id, definition_id=failed.definition_id, lock=True
    )
    # The locks are also what keeps two that ask at once from both going on.
    executions.admit(session, account_id=account_id, running_max=running_max)
    if failed.status != "failed":
        raise ConflictError(
            "execution_not_failed", "Only an execution that has failed can be retried."
        )
    query = select(Execution.id).where(
        Execution.retry_of == execution_id, Execution.status != "failed"
    )
    other = session.scalars(query.limit(1)).first()
    if other is not None:
        detail = "Another execution goes on for this one, or has done so."
        raise ConflictError("execution_retried", detail, extra={"executionId": str(other)})
    return executions.start(
        session,
        account_id=account_id,
        definition=definition,
        order=Order(failed.input_sealed, failed.seal_result),
        now=now,
        retry_of=failed,
        version=None if latest else failed.definition_version,
    )


def count(session: Session, wanted: Wanted, *, account_id: UUID) -> int:
    """Return how many of the account's executions are wanted; the definition must be the account's."""
    found = _matching(wanted, account_id).with_only_columns(func.count())
    return session.scalar(found) or 0


def stop(
    session: Session, *, account_id: UUID, execution_id: UUID, how: str, now: datetime
) -> Execution:
    """Have a running execution stopped: by `cancel`, which lets it clean up, or by `terminate`.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_ended`.
    """
    execution = executions.find(session, account_id=account_id, execution_id=execution_id)
    if execution.status != "running":
        raise ConflictError("execution_ended", "The execution has ended: there is nothing to stop.")
    outbox.append(
        session, account_id=account_id, kind=STOPS[how], subject=str(execution_id), now=now
    )
    return execution


def forget(session: Session, *, account_id: UUID, execution_id: UUID, now: datetime) -> None:
    """Delete an execution that has ended, and what Temporal keeps of it.

    :raises NotFoundError: when the account has none with this id.
    :raises ConflictError: `execution_running`.
    """
    execution = executions.find(session, account_id=account_id, execution_id=execution_id)
    if execution.status == "running":
        raise ConflictError("execution_running", "The execution has not ended: stop it first.")
    definition = definitions.find(
        session, account_id=account_id, definition_id=execution.definition_id, lock=True
    )
    session.delete(execution)
    session.flush()
    if definition.last_execution_id == execution_id:
        newest = (
            select(Execution)
            .where(Execution.definition_id == definition.id)
            .order_by(Execution.created_at.desc(), Execution.id.desc())
        )
        last = session.scalars(newest.limit(1)).one_or_none()
        definition.last_execution_id, definition.status = (
            (last.id, last.status) if last else (None, "draft")
        )
    subject = str(execution_id)
    outbox.append(
        session,
        account_id=account_id,
        kind=outbox.FORGET,
        subject=subject,
        now=now,
        delay_seconds=0,
    )


def _matching(wanted: Wanted, account_id: UUID) -> Select[Execution]:
    query = select(Execution)
    if wanted.definition_id is None:
        query = query.where(Execution.account_id == account_id)
    else:  # it is the account's: to ask for both would let the planner go by the account's index alone
        query = query.where(Execution.definition_id == wanted.definition_id)
    if wanted.status is not None:
        query = query.where(Execution.status == wanted.status)
    if wanted.since is not None:
        query = query.where(Execution.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Execution.created_at < wanted.until)
    return query
