"""A stack and a platform for measurements."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import NO_RATE_LIMITS, migrate, processes
from bin.devtools.stack.server import Server
from bin.devtools.stack.servers import Stack, running

HOME = Path(__file__).parent.parent / ".cloudapi" / "bench"


@dataclass(frozen=True, slots=True)
class PlatformUnderTest:
    """Address of the platform under measurement, its servers, and its processes' environment."""

    api_url: str
    stack: Stack
    environ: dict[str, str]
    servers: dict[str, Server]


@contextmanager
def run_platform(
    *, web_processes: int = 1, settings: Mapping[str, str] = NO_RATE_LIMITS
) -> Iterator[PlatformUnderTest]:
    """Run the platform as the Procfile says, with one web process or several.

    :param settings: environment variables of the processes; by default no rate is limited.
    """
    shutil.rmtree(HOME / "temporal", ignore_errors=True)
    with running(HOME, database="cloudapi_bench") as stack:
        environ = stack.environ() | fresh_keys() | dict(settings)
        environ |= {"PORT": str(stack.web_port), "WEB_CONCURRENCY": str(web_processes)}
        if any(server.name == "PostgreSQL" for server in stack.servers):  # started here
            _empty(stack.database_url)
        migrate(environ, HOME / "logs")
        with processes(environ, HOME / "logs") as servers:
            yield PlatformUnderTest(f"http://127.0.0.1:{stack.web_port}", stack, environ, servers)


def _empty(database_url: str) -> None:
    """Drop all tables: each measurement begins without accounts and with the newest tables."""
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
