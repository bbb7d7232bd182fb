"""Migrations on a database of their own: up, down and up again."""

import psycopg
import pytest

from tests.support.migrations import alembic

pytestmark = pytest.mark.stack


TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)


def tables(database: str) -> set[str]:
    with psycopg.connect(database) as connection:
        return {row[0] for row in connection.execute(TABLES)}


def test_up_down_and_up_again_end_where_the_models_are(database: str) -> None:
    alembic(database, "upgrade", "head")
    tables_before = tables(database)
    assert {"accounts", "sync_states", "executions", "outbox"} <= tables_before
    alembic(database, "downgrade", "base")
    assert tables(database) == set()
    alembic(database, "upgrade", "head")
    assert tables(database) == tables_before
    alembic(database, "check")
