"""A database of its own for each test of migrations."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from bin.devtools.stack.servers import Stack
from tests.support.migrations import Release, start_command
from tests.support.platform import ROOT
from tests.support.servers import empty_database


@pytest.fixture
def database(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    with empty_database(stack, "migrations") as url:
        yield url


@pytest.fixture
def release(database: str, stack: Stack) -> Release:
    """Return what starts the release step."""

    def start(environ: Mapping[str, str] = {}) -> subprocess.Popen[str]:
        temporal = {"TEMPORAL_ADDRESS": stack.temporal_address}
        return start_command(database, "-m", "worker.release", environ=temporal | dict(environ))

    return start


NEXT_REVISION = '''"""Add a column and a table, as a next version would."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("sync_states", sa.Column("next", sa.Text(), nullable=True))
    op.create_table("next_things", sa.Column("id", sa.Uuid(), primary_key=True))


def downgrade() -> None:
    op.drop_table("next_things")
    op.drop_column("sync_states", "next")
'''


@pytest.fixture
def next_version(tmp_path: Path) -> dict[str, str]:
    """The environment that gives a process of this version the migrations of the next one."""
    migrations = tmp_path / "next" / "migrations"
    shutil.copytree(ROOT / "migrations", migrations)
    head = ScriptDirectory(str(migrations)).get_current_head()
    (migrations / "versions" / "next.py").write_text(NEXT_REVISION.format(head=head))
    # Without the safe path, Python would look into the working directory before PYTHONPATH.
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": f"{migrations.parent}:{ROOT}"}
