"""Versions of a definition: every save makes one, all are stored, an execution keeps to its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import defer

from engine.errors import NotFoundError
from engine.store.account_scope import AccountScope
from engine.store.workflows import DefinitionVersion
from engine.workflows import definitions

VERSION_MAX = 2_147_483_647  # the largest value of the column


@dataclass(frozen=True, slots=True)
class VersionPage:
    """Versions of a definition, newest first, and the version after which the next page begins."""

    versions: Sequence[DefinitionVersion]
    next: int | None


def find(scope: AccountScope, definition_id: UUID, version: int) -> DefinitionVersion:
    """Return one version of one of the account's definitions.

    :raises NotFoundError: when the definition or the version does not exist.
    """
    definitions.find(scope, definition_id)
    row = None
    if version <= VERSION_MAX:
        row = scope.session.get(DefinitionVersion, (definition_id, version))
    if row is None:
        raise NotFoundError("workflow_version_unknown", "The workflow has no such version.")
    return row


def browse(
    scope: AccountScope, definition_id: UUID, *, limit: int, after: int | None
) -> VersionPage:
    """Return up to `limit` of a definition's versions older than `after`, without their documents.

    :raises NotFoundError: when the account has no such definition.
    """
    definitions.find(scope, definition_id)
    query = select(DefinitionVersion).where(DefinitionVersion.definition_id == definition_id)
    if after is not None:
        query = query.where(DefinitionVersion.version < after)
    documents = (DefinitionVersion.encrypted_data, DefinitionVersion.encryption_key)
    newest_first = query.order_by(DefinitionVersion.version.desc()).limit(limit + 1)
    rows = scope.session.scalars(
        newest_first.options(*(defer(column) for column in documents))
    ).all()
    return VersionPage(rows[:limit], rows[limit - 1].version if len(rows) > limit else None)
