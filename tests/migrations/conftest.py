"""A database of its own for each test of migrations."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bin.local.postgres import make_database
from bin.local.stack import Stack
from tests.conftest import ROOT


@pytest.fixture
def database(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS cloudapi_migrations")
    yield make_database(stack.database_url, "cloudapi_migrations")
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE cloudapi_migrations WITH (FORCE)")


def started(database: str, *command: str | Path) -> subprocess.Popen[str]:
    """Start a command of the installation on a database."""
    return subprocess.Popen(
        [sys.executable, *command],
        env={"DATABASE_URL": database, "TEMPORAL_ADDRESS": os.environ["TEMPORAL_ADDRESS"]},
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


def release(database: str) -> subprocess.Popen[str]:
    """Start the release step."""
    return started(database, "-m", "worker.release")
