"""The release step: one at a time, patient with others' locks, with old and new code around it."""

from pathlib import Path

import httpx2
import psycopg
import pytest

from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.platform import NO_RATE_LIMITS, processes
from bin.devtools.stack.server import free_port
from tests.support.migrations import Release, output_of
from tests.support.platform import Platform
from tests.support.waiting import until

LOCK = 0x636C6F7564  # as migrations/env.py holds it
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def waiting(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(WAITING).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.stack
def test_of_two_releases_at_once_one_waits_and_then_finds_nothing_to_do(
    database: str, release: Release
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        releases = [release(), release()]
        until(lambda: waiting(database) == 2)
    outputs = [output_of(one) for one in releases]
    assert sorted("event=migrated" in one for one in outputs) == [False, True]
    assert all("event=released" in one for one in outputs)


@pytest.mark.stack
def test_a_release_lets_others_pass_while_a_table_is_in_use_and_tries_again(
    database: str, release: Release, next_version: dict[str, str]
) -> None:
    output_of(release())
    with psycopg.connect(database) as writer:
        writer.execute("LOCK TABLE sync_states IN ROW EXCLUSIVE MODE")
        waits = release(next_version)
        assert waits.stdout is not None
        line = next(line for line in waits.stdout if "table_in_use" in line)
        assert "level=warning" in line
        assert waiting(database) == 0, "nobody queues behind it"
    assert "event=released" in output_of(waits)


@pytest.mark.platform
def test_a_process_from_before_a_migration_and_one_from_after_serve_side_by_side(
    database: str,
    release: Release,
    next_version: dict[str, str],
    platform: Platform,
    tmp_path: Path,
) -> None:
    output_of(release())
    ports = [free_port(), free_port()]
    common = platform.environ | NO_RATE_LIMITS | {"DATABASE_URL": database}
    before, after = (common | {"PORT": str(port)} for port in ports)
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    with (
        processes(before, tmp_path / "before", ("web",)),
        Client(urls[0], "laptop", Keys.fresh()) as laptop,
    ):
        laptop.register("somebody@example.org", "a long pass phrase")
        laptop.push("one", 1, version="1", clock={"laptop": 1})
        output_of(release(next_version))
        assert httpx2.get(f"{urls[0]}/health/ready").json()["database"] == {"ok": True}
        laptop.push("one", 2, version="2", clock={"laptop": 2})
        with (
            processes(after, tmp_path / "after", ("web",)),
            Client(urls[1], "phone", laptop.keys) as phone,
        ):
            phone.login(laptop.email, laptop.password)
            phone.push("two", 3, version="1", clock={"phone": 1})
            for client in (laptop, phone):
                states = client.pull()["states"]
                assert [(state["entityId"], state["opened"]) for state in states] == [
                    ("one", 2),
                    ("two", 3),
                ]


@pytest.mark.platform
def test_a_process_whose_migrations_are_missing_says_that_it_is_not_ready(
    database: str,
    release: Release,
    next_version: dict[str, str],
    platform: Platform,
    tmp_path: Path,
) -> None:
    output_of(release())
    port = free_port()
    environ = platform.environ | next_version | {"DATABASE_URL": database, "PORT": str(port)}
    with processes(environ, tmp_path, ("web",)):
        ready = httpx2.get(f"http://127.0.0.1:{port}/health/ready")
        assert ready.status_code == 503
        assert ready.json()["database"] == {"ok": False, "detail": "BehindError"}
        output_of(release(next_version))
        assert httpx2.get(f"http://127.0.0.1:{port}/health/ready").json()["database"] == {
            "ok": True
        }
