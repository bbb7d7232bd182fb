"""One PostgreSQL, one Valkey and one Temporal for all test workers, and a part for each worker."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock
from pathlib import Path
from typing import IO

import psycopg
from psycopg.sql import SQL, Identifier

from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import migrate
from bin.devtools.stack.postgres import make_database, start_postgres
from bin.devtools.stack.server import Server, StartError, free_port, stop_all
from bin.devtools.stack.servers import Stack
from bin.devtools.stack.temporal import start_temporal
from bin.devtools.stack.valkey import start_valkey

TEMPLATE = "cloudapi_template"
PARTS_MAX = 12  # Valkey has 16 indexes, and no part uses the first
NO_DURABILITY = {  # because no test kills it
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
CONNECTIONS_MAX = {"max_connections": "600"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of the shared servers, and the number of parts that are in use."""

    admin_url: str  # of a PostgreSQL database that no part uses
    redis_port: int
    temporal_address: str
    temporal_ui_url: str
    codec_port: int
    parts: int = 0


@contextmanager
def own_part(home: Path) -> Iterator[Stack]:
    """Yield a part of the servers under `home`: a database, a namespace and a Redis index.

    The first process starts the servers, and stops them once every other process has left. Each
    process holds a lock that ends with it, so that none waits for a killed one.
    """
    home.mkdir(parents=True, exist_ok=True)
    record = home / "addresses.json"
    with ExitStack() as exits:
        users, starting = (
            exits.enter_context((home / f"{name}.lock").open("w")) for name in ("users", "start")
        )
        with _lock(starting):
            first = _is_free(users)
            if first:
                exits.enter_context(_run_servers(home, record, users, starting))
            flock(users, LOCK_SH)
            addresses = Addresses(**json.loads(record.read_text()))
            number = addresses.parts + 1
            if number > PARTS_MAX:
                raise StartError(
                    f"the servers under {home} have {PARTS_MAX} parts, and all are in use"
                )
            record.write_text(json.dumps(asdict(addresses) | {"parts": number}))
        yield _part(addresses, number)


@contextmanager
def empty_database(part: Stack, name: str) -> Iterator[str]:
    """Create one more database beside that of a part, and drop it at the end; yield its URL."""
    own = part.database_url.rpartition("/")[2]
    yield make_database(part.database_url, f"{own}_{name}")
    with psycopg.connect(part.database_url, autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(f"{own}_{name}")))


@contextmanager
def _run_servers(home: Path, record: Path, users: IO[str], starting: IO[str]) -> Iterator[None]:
    """Run the servers; at the end, lock out new users and wait until all others have left."""
    servers: list[Server] = []
    try:
        record.write_text(json.dumps(asdict(_start(home, servers))))
        yield
        flock(starting, LOCK_EX)
        flock(users, LOCK_EX)
    finally:
        stop_all(servers)


def _start(home: Path, servers: list[Server]) -> Addresses:
    """Start the servers and migrate the template database."""
    shutil.rmtree(home / "temporal", ignore_errors=True)  # executions of a killed run would go on
    postgres, admin_url = start_postgres(
        home / "postgres", free_port(), NO_DURABILITY | CONNECTIONS_MAX
    )
    servers.append(postgres)
    _drop_databases(admin_url)
    redis_port, codec_port = free_port(), free_port()
    servers.append(start_valkey(home / "valkey", redis_port)[0])
    temporal, address, ui_url = start_temporal(
        home / "temporal",
        free_port(),
        free_port(),
        codec_url=f"http://127.0.0.1:{codec_port}",
        namespaces=[_name(number) for number in range(1, PARTS_MAX + 1)],
    )
    servers.append(temporal)
    template = Stack(make_database(admin_url, TEMPLATE), "", address, ui_url)
    migrate(template.environ() | fresh_keys(), home / "logs")
    return Addresses(admin_url, redis_port, address, ui_url, codec_port)


def _drop_databases(admin_url: str) -> None:
    """Drop the databases of earlier runs."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for (name,) in connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'cloudapi%'"
        ):
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _part(addresses: Addresses, number: int) -> Stack:
    name = _name(number)
    with psycopg.connect(addresses.admin_url, autocommit=True) as connection:
        clone = SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(TEMPLATE))
        connection.execute(clone)
    return Stack(
        make_database(addresses.admin_url, name),
        f"redis://127.0.0.1:{addresses.redis_port}/{number}",
        addresses.temporal_address,
        addresses.temporal_ui_url,
        web_port=free_port(),
        codec_port=addresses.codec_port,
        temporal_namespace=name,
    )


def _name(number: int) -> str:
    """Return the name of a part's database and namespace."""
    return f"cloudapi_test_{number}"


def _is_free(lock: IO[str]) -> bool:
    """Lock a file for this process alone; return whether it was free."""
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _lock(lock: IO[str]) -> Iterator[None]:
    flock(lock, LOCK_EX)
    try:
        yield
    finally:
        flock(lock, LOCK_UN)
