"""TODO."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.contracts.executions import versioned
from engine.errors import ConflictError
from engine.store import outbox
from engine.store.executions import Execution
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.schedules import schedules, triggers


def change(
    session: Session,
    definition: Definition,
    draft: Draft,
    *,
    now: datetime,
    definition_bytes_max: int,
) -> None:
    """Make a draft the newest version of a definition, which is locked, and have the worker check it.

    Until it is checked the definition is found by the marks it had: those of another version are most
    often the same, and nobody who runs it meanwhile shall miss it.

    :raises TooLargeError: when the document must be larger than `definition_bytes_max`.
    """
    definitions.bound(draft, definition_bytes_max)
    triggers.unschedule(session, definition, now=now)
    for name, value in definitions.written(draft, version=definition.version + 1, now=now).items():
        setattr(definition, name, value)
    definitions.note(session, definition, now=now)


def delete(session: Session, definition: Definition, *, now: datetime) -> None:
    """Delete a definition, which is locked, with all its versions and its executions, which have ended.

    :raises ConflictError: `workflow_running`, while executions of it run.
    """
    running = select(func.count()).where(
        Execution.definition_id == definition.id, Execution.status == "running"
    )
    count = session.scalar(running) or 0
    if count:
        detail = f"Executions of the workflow run: {count}. Stop them, or wait for their end."
        raise ConflictError("workflow_running", detail, extra={"running": count})
    triggers.unschedule(session, definition, now=now)
    schedules.drop(session, definition_id=definition.id, now=now)
    subject = versioned(str(definition.id), definition.version)
    session.execute(
        outbox.discarding(account_id=definition.account_id, kind=outbox.CHECK, subject=subject)
    )
    session.delete(definition)
    session.flush()
