"""Starts Alembic and the release step on a database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Protocol

from tests.support.platform import ROOT


class Release(Protocol):
    """Start the release step, of this version or of the one whose environment is given."""

    def __call__(self, environ: Mapping[str, str] = ...) -> subprocess.Popen[str]: ...


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
