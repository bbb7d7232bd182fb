"""Versions of a definition: each saving makes one, all are kept, and executions go by theirs to the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from engine import definitions, schedules, triggers
from engine.definitions import Draft
from engine.errors import ConflictError, NotFoundError
from engine.interpreter.contracts import versioned
from engine.store import outbox
from engine.store.models import Definition, DefinitionVersion, Execution

VERSION_MAX = 2_147_483_647  # what the column holds


@dataclass(frozen=True, slots=True)
class Page:
    """Some versions of a definition, newest first, and the version after which the next page begins."""

    versions: Sequence[DefinitionVersion]
    next: int | None


def find(session: Session, *, account_id: UUID, definition_id: UUID, version: int) -> DefinitionVersion:
    """Return one version of one of the account's definitions.

    :raises NotFoundError: when there is none: of the definition, or of the version.
    """
    definitions.find(session, account_id=account_id, definition_id=definition_id)
    found = session.get(DefinitionVersion, (definition_id, version)) if version <= VERSION_MAX else None
    if found is None:
        raise NotFoundError("workflow_version_unknown", "The workflow has no such version.")
    return found


def browse(session: Session, *, account_id: UUID, definition_id: UUID, limit: int, after: int | None) -> Page:
    """Return up to `limit` of a definition's versions, those older than `after`, without what was sealed.

    :raises NotFoundError: when the account has no such definition.
    """
    definitions.find(session, account_id=account_id, definition_id=definition_id)
    query = select(DefinitionVersion).where(DefinitionVersion.definition_id == definition_id)
    if after is not None:
        query = query.where(DefinitionVersion.version < after)
    sealed = (DefinitionVersion.encrypted_data, DefinitionVersion.encryption_key)
    newest_first = query.order_by(DefinitionVersion.version.desc()).limit(limit + 1)
    found = session.scalars(newest_first.options(*(defer(column) for column in sealed))).all()
    return Page(found[:limit], found[limit - 1].version if len(found) > limit else None)


def change(
    session: Session, definition: Definition, draft: Draft, *, now: datetime, definition_bytes_max: int
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
    session.execute(outbox.discarding(account_id=definition.account_id, kind=outbox.CHECK, subject=subject))
    session.delete(definition)
    session.flush()
