"""Status of migrations: whether the database has all that this code needs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

import migrations


def is_outdated(session: Session) -> bool:
    """Return whether the database lacks a migration of this code.

    An unknown revision comes from a newer version. This code works with it, because migrations
    only add, and remove something once no released version uses it.
    """
    current = set(session.scalars(text("SELECT version_num FROM alembic_version")))
    heads, revisions = _list_revisions()
    return not current or bool(current & (revisions - heads))


@cache
def _list_revisions() -> tuple[frozenset[str], frozenset[str]]:
    """Return the heads, and all revisions."""
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    revisions = frozenset(script.revision for script in scripts.walk_revisions())
    return frozenset(scripts.get_heads()), revisions
