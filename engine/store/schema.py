"""Whether the database is as far as this code needs it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

import migrations


def behind(session: Session) -> bool:
    """Tell whether a migration of this code is missing.

    A revision that this code does not know was made by a newer version, whose migrations are such that this
    one goes on: they only add, until nobody needs what they take away.
    """
    found = set(session.scalars(text("SELECT version_num FROM alembic_version")))
    heads, known = _revisions()
    return not found or bool(found & (known - heads))


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """Return the heads, and all revisions."""
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    return frozenset(scripts.get_heads()), frozenset(
        one.revision for one in scripts.walk_revisions()
    )
