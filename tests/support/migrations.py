"""Alembic and the release step, run on a database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Protocol

from tests.support.platform import ROOT


class Release(Protocol):
    """Start the release step of this version, or of the one with another environment."""

    def __call__(self, environ: Mapping[str, str] = ...) -> subprocess.Popen[str]: ...


def start_command(
    database: str, *command: str, environ: Mapping[str, str] = {}
) -> subprocess.Popen[str]:
    """Start a command of the installation on a database."""
    return subprocess.Popen(
        [sys.executable, *command],
        env={"DATABASE_URL": database} | dict(environ),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output_of(process: subprocess.Popen[str]) -> str:
    """Return the output of a command once it has ended with status 0."""
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


def alembic(database: str, *words: str) -> str:
    """Run Alembic to its end and return its output."""
    return output_of(
        start_command(database, "-m", "alembic", "-c", "migrations/alembic.ini", *words)
    )
