"""Replacement of a definition by a new version, and the check of that version."""

from __future__ import annotations

from engine.store.account_scope import AccountScope
from engine.store.workflows import Definition
from engine.workflows import definitions
from engine.workflows.definitions import Draft
from engine.workflows.schedules import triggers


def replace(
    scope: AccountScope, definition: Definition, draft: Draft, *, definition_bytes_max: int
) -> None:
    """Make a draft the newest version of a definition, whose row is locked, and have it checked.

    Until the check, the definition keeps the marks of the version before. They are mostly the same,
    so that a workflow that runs this one by name meanwhile finds it.

    :raises TooLargeError: when the document must be larger than `definition_bytes_max`.
    """
    definitions.check_size(draft, definition_bytes_max)
    triggers.end_triggers(scope, definition)
    columns = definitions.draft_columns(draft, version=definition.version + 1, now=scope.now)
    for name, value in columns.items():
        setattr(definition, name, value)
    definitions.add_version(scope, definition)
