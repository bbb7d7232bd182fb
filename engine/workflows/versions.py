"""Versions of a definition: each saving makes one, all are kept, and executions go by theirs to the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from engine.errors import NotFoundError
from engine.store.workflows import DefinitionVersion
from engine.workflows import definitions

VERSION_MAX = 2_147_483_647  # what the column holds


@dataclass(frozen=True, slots=True)
class Page:
    """Some versions of a definition, newest first, and the version after which the next page begins."""

    versions: Sequence[DefinitionVersion]
    next: int | None


def find(
    session: Session, *, account_id: UUID, definition_id: UUID, version: int
) -> DefinitionVersion:
    """Return one version of one of the account's definitions.

    :raises NotFoundError: when there is none: of the definition, or of the version.
    """
    definitions.find(session, account_id=account_id, definition_id=definition_id)
    found = (
        session.get(DefinitionVersion, (definition_id, version)) if version <= VERSION_MAX else None
    )
    if found is None:
        raise NotFoundError("workflow_version_unknown", "The workflow has no such version.")
    return found


def browse(
    session: Session, *, account_id: UUID, definition_id: UUID, limit: int, after: int | None
) -> Page:
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
