"""A database that is restored from a backup: clients notice, and bring back what it has lost."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bin.devtools.stack.client import Client, Keys, RefusedError
from bin.devtools.stack.platform import migrate, processes
from bin.devtools.stack.postgres import install_dir
from bin.devtools.stack.server import free_port
from bin.devtools.stack.servers import Stack
from tests.support.platform import Platform
from tests.support.servers import empty_database

pytestmark = pytest.mark.journey


@pytest.fixture
def databases(stack: Stack) -> Iterator[list[str]]:
    with empty_database(stack, "before") as before, empty_database(stack, "after") as after:
        yield [before, after]


@contextmanager
def serving(platform: Platform, database: str, logs: Path) -> Iterator[str]:
    """Release to a database, and serve it."""
    port = free_port()
    environ = platform.environ | {"DATABASE_URL": database, "PORT": str(port)}
    migrate(environ, logs)
    with processes(environ, logs, ("web",)):
        yield f"http://127.0.0.1:{port}"


def postgres(program: str, *words: str) -> None:
    subprocess.run([install_dir() / "bin" / program, *words], check=True, capture_output=True)


def refusal_of(client: Client, path: str, **options: object) -> tuple[int, str]:
    with pytest.raises(RefusedError) as error:
        client.request("GET", path, **options)
    return error.value.response.status_code, error.value.problem["code"]


def test_clients_pull_from_the_start_and_write_anew_what_the_backup_did_not_have(
    platform: Platform, databases: list[str], tmp_path: Path
) -> None:
    before, after = databases
    dump = str(tmp_path / "dump")
    with serving(platform, before, tmp_path) as url, Client(url, "laptop", Keys.fresh()) as laptop:
        laptop.register("somebody@example.org", "a long pass phrase")
        laptop.push("kept", 1, version="1", clock={"laptop": 1})
        older_cursor = laptop.pull()["cursor"]
        postgres("pg_dump", "--format=custom", f"--file={dump}", before)
        laptop.push("lost", 2, version="1", clock={"laptop": 2})
        cursor = laptop.pull(since=older_cursor)["cursor"]
        with Client(url, "phone", Keys.fresh()) as other:
            other.register("later@example.org", "a long pass phrase")
    postgres("pg_restore", "--no-owner", f"--dbname={after}", dump)
    with serving(platform, after, tmp_path) as url, Client(url, "laptop", laptop.keys) as client:
        client.http.headers["Authorization"] = laptop.http.headers["Authorization"]
        assert refusal_of(client, "/api/sync/pull", params={"since": cursor}) == (
            409,
            "resync_required",
        )
        events = {"headers": {"Last-Event-ID": cursor}}
        assert refusal_of(client, "/api/sync/events", **events) == (409, "resync_required")
        assert [state["entityId"] for state in client.pull()["states"]] == ["kept"]
        assert client.pull(since=older_cursor)["states"] == [], "an older cursor goes on"
        client.push("lost", 2, version="1", clock={"laptop": 3})
        assert [state["opened"] for state in client.pull(since=older_cursor)["states"]] == [2]
        with Client(url, "phone", Keys.fresh()) as other, pytest.raises(RefusedError) as error:
            other.login("later@example.org", "a long pass phrase")
        assert error.value.response.status_code == 401
