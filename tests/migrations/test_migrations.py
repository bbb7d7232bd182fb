"""Migrations on a database of their own: up, down, up, and two releases at once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from bin.local import sync_verify
from bin.local.postgres import make_database
from bin.local.stack import Stack

ROOT = Path(__file__).parent.parent.parent
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


@pytest.fixture
def database(stack: Stack) -> Iterator[str]:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS cloudapi_migrations")
    yield make_database(stack.database_url, "cloudapi_migrations")
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE cloudapi_migrations")


def alembic(database: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sys.executable).parent / "alembic", "-c", ROOT / "migrations" / "alembic.ini", *words],
        env={"DATABASE_URL": database, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def tables(database: str) -> set[str]:
    with psycopg.connect(database) as connection:
        return {row[0] for row in connection.execute(TABLES)}


def run(database: str, *words: str) -> None:
    process = alembic(database, *words)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_up_down_and_up_again_end_where_the_models_are(database: str) -> None:
    run(database, "upgrade", "head")
    made = tables(database)
    assert {"accounts", "sync_states", "executions", "outbox"} <= made
    run(database, "downgrade", "base")
    assert tables(database) == set()
    run(database, "upgrade", "head")
    assert tables(database) == made
    run(database, "check")


def test_two_releases_at_once_migrate_one_after_the_other(database: str) -> None:
    releases = [alembic(database, "upgrade", "head") for _ in range(2)]
    for release in releases:
        _, errors = release.communicate(timeout=60)
        assert release.returncode == 0, errors
    assert "accounts" in tables(database)


BEFORE = """
INSERT INTO accounts (id, email, password_hash, public_key, created_at) VALUES (%(id)s, 'a', '', '', now());
INSERT INTO sync_heads (account_id, stamp, horizon) VALUES (%(id)s, 2000001, 0);
INSERT INTO sync_states
    (account_id, type, entity_id, version, clock, encrypted_data, agent_id, stamp, deleted) VALUES
    (%(id)s, 'settings', 'ü"', '1', '{"b": 2, "a": 1}', 'data', 'a', 1, false),
    (%(id)s, 'settings', 'gone', '1', '{"a": 2}', '', 'a', 2000001, true);
INSERT INTO sync_siblings
    (id, account_id, type, entity_id, version, clock, encrypted_data, agent_id, deleted, created_at) VALUES
    (%(id)s, %(id)s, 'settings', 'ü"', '1', '{"c": 1}', 'kept', 'c', false, now());
"""


def test_what_was_pushed_before_there_was_a_chain_is_chained(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(database, "upgrade", "0006")
    with psycopg.connect(database, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(BEFORE, {"id": uuid4()})
    run(database, "upgrade", "head")
    monkeypatch.setenv("DATABASE_URL", database)
    assert sync_verify.main([]) == 0
    assert capsys.readouterr().out.endswith("all holds\n")


SAVED = """
INSERT INTO accounts (id, email, password_hash, public_key, created_at) VALUES (%(id)s, 'a', '', '', now());
INSERT INTO definitions
    (id, account_id, name, encrypted_data, encryption_key, status, version, diagnostics, checked_at,
     created_at, updated_at) VALUES
    (%(id)s, %(id)s, 'kept', 'data', 'key', 'draft', 1, '[{"pointer": "/do"}]', now(), now(), now());
"""
KEPT = """
SELECT version, account_id, name, encrypted_data, encryption_key, diagnostics, checked_at IS NOT NULL
FROM definition_versions WHERE definition_id = %(id)s
"""


def test_what_was_saved_before_versions_were_kept_is_the_first_of_them(database: str) -> None:
    run(database, "upgrade", "0013")
    saved = uuid4()
    with psycopg.connect(database, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(SAVED, {"id": saved})
        run(database, "upgrade", "0014")
        rows = connection.execute(KEPT, {"id": saved}).fetchall()
        assert rows == [(1, saved, "kept", "data", "key", [{"pointer": "/do"}], True)]
        connection.execute("DELETE FROM definitions")
        assert connection.execute(KEPT, {"id": saved}).fetchall() == []
