"""A database of its own for each test of migrations."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from alembic.script import ScriptDirectory

from bin.devtools.stack.postgres import make_database
from bin.devtools.stack.servers import Stack
from tests.conftest import ROOT


class Release(Protocol):
    """Start the release step, of this version or of the one whose environment is given."""

    def __call__(self, environ: Mapping[str, str] = ...) -> subprocess.Popen[str]: ...


@pytest.fixture
def database(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS cloudapi_migrations")
    yield make_database(stack.database_url, "cloudapi_migrations")
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE cloudapi_migrations WITH (FORCE)")


def started(database: str, *command: str, environ: Mapping[str, str] = {}) -> subprocess.Popen[str]:
    """Start a command of the installation on a database."""
    return subprocess.Popen(
        [sys.executable, *command],
        env={"DATABASE_URL": database} | dict(environ),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    """Return what a command said, once it has ended well."""
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 0, told
    return told


def alembic(database: str, *words: str) -> str:
    """Run Alembic to its end and return what it said."""
    return finished(started(database, "-m", "alembic", "-c", "migrations/alembic.ini", *words))


@pytest.fixture
def release(database: str, stack: Stack) -> Release:
    """Return what starts the release step."""

    def start(environ: Mapping[str, str] = {}) -> subprocess.Popen[str]:
        temporal = {"TEMPORAL_ADDRESS": stack.temporal_address}
        return started(database, "-m", "worker.release", environ=temporal | dict(environ))

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
