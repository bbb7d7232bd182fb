"""Replacement of a definition by a new version, and the check of that version."""

from __future__ import annotations

from engine.store.account_scope import AccountScope
from engine.store.workflows import Definition
from engine.sync.change import QUOTA_BYTES
from engine.workflows import definitions, storage_quota
from engine.workflows.definitions import Draft
from engine.workflows.schedules import triggers


def replace(
    scope: AccountScope,
    definition: Definition,
    draft: Draft,
    *,
    definition_bytes_max: int,
    quota_bytes: int = QUOTA_BYTES,
) -> None:
    """Make a draft the newest version of a definition, whose row is locked, and have it checked.

    Until the check, the definition keeps the marks of the version before. They are mostly the same,
    so that a workflow that runs this one by name meanwhile finds it.

    :raises TooLargeError: when the document must be larger than `definition_bytes_max`.
    :raises ForbiddenError: `quota_exceeded`.
    """
    definitions.check_size(draft, definition_bytes_max)
    growth = 2 * draft.text_bytes - definitions.draft_of(definition).text_bytes
    storage_quota.require_room(scope, growth, quota_bytes=quota_bytes)
    triggers.end_triggers(scope, definition)
    columns = definitions.draft_columns(draft, version=definition.version + 1, now=scope.now)
    for name, value in columns.items():
        setattr(definition, name, value)
    definitions.add_version(scope, definition)
