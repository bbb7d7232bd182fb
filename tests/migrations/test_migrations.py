"""Migrations on a database of their own: up, down, up, and what they make of what was there."""

from uuid import uuid4

import psycopg
import pytest

from bin.devtools.ops import sync_verify
from tests.migrations.conftest import alembic

TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)


def tables(database: str) -> set[str]:
    with psycopg.connect(database) as connection:
        return {row[0] for row in connection.execute(TABLES)}


def test_up_down_and_up_again_end_where_the_models_are(database: str) -> None:
    alembic(database, "upgrade", "head")
    made = tables(database)
    assert {"accounts", "sync_states", "executions", "outbox"} <= made
    alembic(database, "downgrade", "base")
    assert tables(database) == set()
    alembic(database, "upgrade", "head")
    assert tables(database) == made
    alembic(database, "check")


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
    alembic(database, "upgrade", "0006")
    with psycopg.connect(
        database, autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(BEFORE, {"id": uuid4()})
    alembic(database, "upgrade", "head")
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
    alembic(database, "upgrade", "0013")
    saved = uuid4()
    with psycopg.connect(
        database, autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute(SAVED, {"id": saved})
        alembic(database, "upgrade", "0014")
        rows = connection.execute(KEPT, {"id": saved}).fetchall()
        assert rows == [(1, saved, "kept", "data", "key", [{"pointer": "/do"}], True)]
        connection.execute("DELETE FROM definitions")
        assert connection.execute(KEPT, {"id": saved}).fetchall() == []
