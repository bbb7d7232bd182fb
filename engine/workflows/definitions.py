"""Definitions (the API's workflows): saved encrypted, checked by the worker, listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import defer
from uuid_utils.compat import uuid7

from engine.contracts.outbox_messages import VersionCheck
from engine.contracts.workflow_ids import VersionReference
from engine.errors import Fault, NotFoundError, TooLargeError
from engine.store import outbox
from engine.store.account_scope import AccountScope
from engine.store.workflows import Definition, DefinitionVersion
from engine.sync.change import QUOTA_BYTES
from engine.workflows import storage_quota

KEY_BYTES_MAX = 65_536  # room for many recipients


@dataclass(frozen=True, slots=True)
class Draft:
    """Workflow as a client sends it; the two encrypted strings are stored whatever they contain."""

    name: str
    encrypted_data: str
    encryption_key: str
    description: str | None = None

    @property
    def text_bytes(self) -> int:
        """Return the bytes of its texts, of which a definition and its newest version have each."""
        texts = self.name, self.encrypted_data, self.encryption_key, self.description or ""
        return sum(len(text.encode()) for text in texts)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Faults of a definition: without quoting it, and in full as a JWE to the account's key.

    `reference` marks the document's namespace, name and version, `family` namespace and name alone.
    A workflow that runs another one finds it by these marks.
    """

    faults: Sequence[Fault]
    jwe: str | None = None
    reference: str | None = None
    family: str | None = None


@dataclass(frozen=True, slots=True)
class DefinitionPage:
    """Some of an account's definitions, newest first, and the number of all that match."""

    definitions: Sequence[Definition]
    total: int
    has_more: bool


def save(
    scope: AccountScope,
    draft: Draft,
    *,
    definition_bytes_max: int = 1_048_576,
    quota_bytes: int = QUOTA_BYTES,
) -> Definition:
    """Store a draft and have the worker check it.

    :raises TooLargeError: when the document must be larger than `definition_bytes_max`, or the key
        is too large.
    :raises ForbiddenError: `quota_exceeded`.
    """
    check_size(draft, definition_bytes_max)
    storage_quota.require_room(scope, 2 * draft.text_bytes, rows=2, quota_bytes=quota_bytes)
    definition = Definition(
        id=uuid7(),
        account_id=scope.account_id,
        status="draft",
        created_at=scope.now,
        **draft_columns(draft, version=1, now=scope.now),
    )
    scope.session.add(definition)
    scope.session.flush()
    add_version(scope, definition)
    return definition


def check_size(draft: Draft, bytes_max: int) -> None:
    """Refuse a draft whose document must be larger than `bytes_max`, or whose key is too large.

    :raises TooLargeError: `definition_too_large` or `encryption_key_too_large`.
    """
    # Base64 makes four bytes of three, and a JWE adds its header, nonce and tag.
    if len(draft.encrypted_data.encode()) > 4 * bytes_max // 3 + 2048:
        detail = f"A definition may have {bytes_max} bytes."
        raise TooLargeError("definition_too_large", detail)
    if len(draft.encryption_key.encode()) > KEY_BYTES_MAX:
        detail = f"An encryptionKey may have {KEY_BYTES_MAX} bytes."
        raise TooLargeError("encryption_key_too_large", detail)


def draft_of(definition: Definition) -> Draft:
    """Return the newest version of a definition as the client sent it."""
    return Draft(
        definition.name,
        definition.encrypted_data,
        definition.encryption_key,
        definition.description,
    )


def draft_columns(draft: Draft, *, version: int, now: datetime) -> dict[str, Any]:
    """Return the columns of a definition whose newest version is an unchecked draft."""
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


def add_version(scope: AccountScope, definition: Definition) -> None:
    """Store a definition's row as its newest version, and have the worker check it."""
    scope.session.add(
        DefinitionVersion(
            definition_id=definition.id,
            version=definition.version,
            account_id=definition.account_id,
            name=definition.name,
            description=definition.description,
            encrypted_data=definition.encrypted_data,
            encryption_key=definition.encryption_key,
            diagnostics=[],
            created_at=scope.now,
        )
    )
    reference = VersionReference(definition.id, definition.version)
    outbox.append(scope.session, VersionCheck(scope.account_id, reference), now=scope.now)
    scope.session.flush()


def find(scope: AccountScope, definition_id: UUID, *, lock: bool = False) -> Definition:
    """Return one of the account's definitions.

    A lock lasts until the commit: nobody changes, deletes or executes the definition meanwhile.

    :raises NotFoundError: when the account has none with this id.
    """
    query = select(Definition).where(
        Definition.account_id == scope.account_id, Definition.id == definition_id
    )
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    definition = scope.session.scalars(query).one_or_none()
    if definition is None:
        raise NotFoundError("workflow_unknown", "There is no such workflow.")
    return definition


def browse(
    scope: AccountScope, *, status: str | None = None, limit: int = 20, offset: int = 0
) -> DefinitionPage:
    """Return up to `limit` of the account's definitions from `offset` on, newest first.

    They come without their documents.
    """
    query = select(Definition).where(Definition.account_id == scope.account_id)
    if status is not None:
        query = query.where(Definition.status == status)
    total = scope.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    documents = (Definition.encrypted_data, Definition.encryption_key)
    newest_first = query.order_by(Definition.id.desc()).limit(limit).offset(offset)
    rows = scope.session.scalars(
        newest_first.options(*(defer(column) for column in documents))
    ).all()
    return DefinitionPage(rows, total, offset + len(rows) < total)


def diagnose(scope: AccountScope, reference: VersionReference, diagnosis: Diagnosis) -> None:
    """Store the result of a version's check, once: the first check of a version counts.

    The definition's own row has the diagnostics and the marks of its newest version.
    """
    columns = {
        "diagnostics": [
            {"pointer": fault.pointer, "detail": fault.detail} for fault in diagnosis.faults
        ],
        "diagnostics_sealed": diagnosis.jwe,
        "checked_at": scope.now,
    }
    marks = {"reference": diagnosis.reference, "family": diagnosis.family}
    for table, key, more in ((DefinitionVersion, "definition_id", {}), (Definition, "id", marks)):
        scope.session.execute(
            update(table)
            .where(
                table.account_id == scope.account_id,
                getattr(table, key) == reference.definition_id,
                table.version == reference.version,
                table.checked_at.is_(None),
            )
            .values(**columns, **more)
        )
    scope.session.execute(outbox.deletion(VersionCheck(scope.account_id, reference)))


def find_by_marks(scope: AccountScope, *, family: str, reference: str | None) -> Definition | None:
    """Return the newest executable definition whose document has these marks.

    `reference` restricts the search to one version of the document; None takes any.
    """
    query = select(Definition).where(
        Definition.account_id == scope.account_id,
        Definition.diagnostics == [],
        Definition.family == family,
    )
    if reference is not None:
        query = query.where(Definition.reference == reference)
    return scope.session.scalars(query.order_by(Definition.id.desc()).limit(1)).one_or_none()
