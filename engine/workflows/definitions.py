"""Workflows users wrote: saved sealed, checked by the worker, listed by their owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.contracts.executions import versioned
from engine.errors import Fault, NotFoundError, TooLargeError
from engine.store import outbox
from engine.store.workflows import Definition, DefinitionVersion


@dataclass(frozen=True, slots=True)
class Draft:
    """What a client sends of a new workflow; the two sealed strings are kept whatever they hold."""

    name: str
    encrypted_data: str
    encryption_key: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a definition: without its words, and in full for who holds the account's key."""

    shown: Sequence[Fault]
    sealed: str | None = None
    reference: str | None = (
        None  # marks of the document's namespace, name and version, and without the
    )
    family: str | None = None  # version: what runs it finds it by these


@dataclass(frozen=True, slots=True)
class Listing:
    """Some of an account's definitions, newest first, and how many there are in all."""

    definitions: Sequence[Definition]
    total: int
    has_more: bool


def save(
    session: Session,
    *,
    account_id: UUID,
    draft: Draft,
    now: datetime,
    definition_bytes_max: int = 1_048_576,
) -> Definition:
    """Store a draft and have the worker check it.

    :raises TooLargeError: when the document must be larger than `definition_bytes_max`.
    """
    bound(draft, definition_bytes_max)
    definition = Definition(
        id=uuid7(),
        account_id=account_id,
        status="draft",
        created_at=now,
        **written(draft, version=1, now=now),
    )
    session.add(definition)
    session.flush()
    note(session, definition, now=now)
    return definition


def bound(draft: Draft, definition_bytes_max: int) -> None:
    """Refuse a draft whose document must be larger than `definition_bytes_max`.

    :raises TooLargeError: `definition_too_large`.
    """
    # Base64 makes four bytes of three, and a JWE adds its header, nonce and tag.
    if len(draft.encrypted_data) > 4 * definition_bytes_max // 3 + 2048:
        detail = f"A definition may have {definition_bytes_max} bytes."
        raise TooLargeError("definition_too_large", detail)


def written(draft: Draft, *, version: int, now: datetime) -> dict[str, Any]:
    """Return what a definition's row says of itself once a draft is its newest version, not yet checked."""
    return {
        "name": draft.name,
        "description": draft.description,
        "encrypted_data": draft.encrypted_data,
        "encryption_key": draft.encryption_key,
        "version": version,
        "diagnostics": [],
        "diagnostics_sealed": None,
        "checked_at": None,
        "updated_at": now,
    }


def note(session: Session, definition: Definition, *, now: datetime) -> None:
    """Keep what a definition's row says as its newest version, and have that checked."""
    session.add(
        DefinitionVersion(
            definition_id=definition.id,
            version=definition.version,
            account_id=definition.account_id,
            name=definition.name,
            description=definition.description,
            encrypted_data=definition.encrypted_data,
            encryption_key=definition.encryption_key,
            diagnostics=[],
            created_at=now,
        )
    )
    subject = versioned(str(definition.id), definition.version)
    outbox.append(
        session, account_id=definition.account_id, kind=outbox.CHECK, subject=subject, now=now
    )
    session.flush()


def find(
    session: Session, *, account_id: UUID, definition_id: UUID, lock: bool = False
) -> Definition:
    """Return one of the account's definitions; locked, nobody else changes, deletes or starts it meanwhile.

    :raises NotFoundError: when it has none with this id.
    """
    query = select(Definition).where(
        Definition.account_id == account_id, Definition.id == definition_id
    )
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    definition = session.scalars(query).one_or_none()
    if definition is None:
        raise NotFoundError("workflow_unknown", "There is no such workflow.")
    return definition


def browse(
    session: Session,
    *,
    account_id: UUID,
    status: str | None = None,
    limit: int = 20,
    offset: int = 0,
) -> Listing:
    """Return up to `limit` of the account's definitions from `offset` on, newest first."""
    wanted = select(Definition).where(Definition.account_id == account_id)
    if status is not None:
        wanted = wanted.where(Definition.status == status)
    total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    found = session.scalars(wanted.order_by(Definition.id.desc()).limit(limit).offset(offset)).all()
    return Listing(found, total, offset + len(found) < total)


def diagnose(
    session: Session,
    *,
    account_id: UUID,
    definition_id: UUID,
    diagnosis: Diagnosis,
    now: datetime,
    version: int = 1,
) -> None:
    """Store what the check of a version found, once: the first check of a version is the one that counts.

    The definition shows what was found of its newest version, and is found by the marks of that one.
    """
    found = {
        "diagnostics": [
            {"pointer": fault.pointer, "detail": fault.detail} for fault in diagnosis.shown
        ],
        "diagnostics_sealed": diagnosis.sealed,
        "checked_at": now,
    }
    marks = {"reference": diagnosis.reference, "family": diagnosis.family}
    for table, key, more in ((DefinitionVersion, "definition_id", {}), (Definition, "id", marks)):
        session.execute(
            update(table)
            .where(
                table.account_id == account_id,
                getattr(table, key) == definition_id,
                table.version == version,
                table.checked_at.is_(None),
            )
            .values(**found, **more)
        )
    subject = versioned(str(definition_id), version)
    session.execute(outbox.discarding(account_id=account_id, kind=outbox.CHECK, subject=subject))


def find_marked(
    session: Session, *, account_id: UUID, family: str, reference: str | None
) -> Definition | None:
    """Return the definition that was saved last of those whose document has the marks, and can run."""
    query = select(Definition).where(
        Definition.account_id == account_id,
        Definition.diagnostics == [],
        Definition.family == family,
    )
    if reference is not None:
        query = query.where(Definition.reference == reference)
    return session.scalars(query.order_by(Definition.id.desc()).limit(1)).one_or_none()
