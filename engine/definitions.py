"""Workflows users wrote: saved sealed, checked by the worker, listed by their owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from engine.errors import Fault, NotFoundError, TooLargeError
from engine.store import outbox
from engine.store.models import Definition


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
    reference: str | None = None  # marks of the document's namespace, name and version, and without the
    family: str | None = None  # version: what runs it finds it by these


@dataclass(frozen=True, slots=True)
class Listing:
    """Some of an account's definitions, newest first, and how many there are in all."""

    definitions: Sequence[Definition]
    total: int
    has_more: bool


def save(
    session: Session, *, account_id: UUID, draft: Draft, now: datetime, definition_bytes_max: int = 1_048_576
) -> Definition:
    """Store a draft and have the worker check it.

    :raises TooLargeError: when the document must be larger than `definition_bytes_max`.
    """
    # Base64 makes four bytes of three, and a JWE adds its header, nonce and tag.
    if len(draft.encrypted_data) > 4 * definition_bytes_max // 3 + 2048:
        detail = f"A definition may have {definition_bytes_max} bytes."
        raise TooLargeError("definition_too_large", detail)
    definition = Definition(
        id=uuid7(),
        account_id=account_id,
        name=draft.name,
        description=draft.description,
        encrypted_data=draft.encrypted_data,
        encryption_key=draft.encryption_key,
        status="draft",
        version=1,
        diagnostics=[],
        created_at=now,
        updated_at=now,
    )
    session.add(definition)
    outbox.append(session, account_id=account_id, kind=outbox.CHECK, subject=str(definition.id), now=now)
    session.flush()
    return definition


def find(session: Session, *, account_id: UUID, definition_id: UUID) -> Definition:
    """Return one of the account's definitions.

    :raises NotFoundError: when it has none with this id.
    """
    query = select(Definition).where(Definition.account_id == account_id, Definition.id == definition_id)
    definition = session.scalars(query).one_or_none()
    if definition is None:
        raise NotFoundError("workflow_unknown", "There is no such workflow.")
    return definition


def browse(
    session: Session, *, account_id: UUID, status: str | None = None, limit: int = 20, offset: int = 0
) -> Listing:
    """Return up to `limit` of the account's definitions from `offset` on, newest first."""
    wanted = select(Definition).where(Definition.account_id == account_id)
    if status is not None:
        wanted = wanted.where(Definition.status == status)
    total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    found = session.scalars(wanted.order_by(Definition.id.desc()).limit(limit).offset(offset)).all()
    return Listing(found, total, offset + len(found) < total)


def diagnose(
    session: Session, *, account_id: UUID, definition_id: UUID, diagnosis: Diagnosis, now: datetime
) -> None:
    """Store what the check found, once: the first check of a definition is the one that counts."""
    session.execute(
        update(Definition)
        .where(
            Definition.account_id == account_id,
            Definition.id == definition_id,
            Definition.checked_at.is_(None),
        )
        .values(
            diagnostics=[{"pointer": fault.pointer, "detail": fault.detail} for fault in diagnosis.shown],
            diagnostics_sealed=diagnosis.sealed,
            reference=diagnosis.reference,
            family=diagnosis.family,
            checked_at=now,
        )
    )
    session.execute(outbox.discarding(account_id=account_id, kind=outbox.CHECK, subject=str(definition_id)))


def find_marked(
    session: Session, *, account_id: UUID, family: str, reference: str | None
) -> Definition | None:
    """Return the definition that was saved last of those whose document has the marks, and can run."""
    query = select(Definition).where(
        Definition.account_id == account_id, Definition.diagnostics == [], Definition.family == family
    )
    if reference is not None:
        query = query.where(Definition.reference == reference)
    return session.scalars(query.order_by(Definition.id.desc()).limit(1)).one_or_none()
