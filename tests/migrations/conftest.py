"""A database of its own for each test of migrations."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bin.devtools.stack.postgres import make_database
from bin.devtools.stack.servers import Stack
from tests.conftest import ROOT

Release = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def database(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal_address)
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS cloudapi_migrations")
    yield make_database(stack.database_url, "cloudapi_migrations")
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE cloudapi_migrations WITH (FORCE)")


def started(database: str, *command: str | Path, temporal: str = "") -> subprocess.Popen[str]:
    """Start a command of the installation on a database, and a Temporal server where it needs one."""
    return subprocess.Popen(
        [sys.executable, *command],
        env={"DATABASE_URL": database, "TEMPORAL_ADDRESS": temporal},
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
    return lambda: started(database, "-m", "worker.release", temporal=stack.temporal_address)
