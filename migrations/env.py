"""Run migrations on DATABASE_URL under an advisory lock: two releases never migrate at once."""

from __future__ import annotations

from typing import Any

import structlog
from alembic import context
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import Connection, text

from engine.config.settings import Settings
from engine.store.metadata import METADATA
from engine.store.sessions import make_engine

LOCK = 0x636C6F7564  # "cloud"; any constant of our own will do
# A statement that waits for a table's lock blocks all later ones. So it fails soon, and the release
# tries again.
LOCK_SECONDS_MAX = 3
STATEMENT_SECONDS_MAX = 900


def migrate() -> None:
    engine = make_engine(Settings.from_env(), pool_size=1)
    try:
        with engine.connect() as connection:
            # Held by the session, not the transaction: it spans every migration's own transaction.
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
            _limit(connection)
            connection.commit()
            _run(connection)
    finally:
        engine.dispose()  # which ends the session, and with it the lock


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        compare_server_default=True,
        transaction_per_migration=True,
        on_version_apply=_log,  # type: ignore[arg-type] # it is called by keywords
    )
    with context.begin_transaction():
        context.run_migrations()


def _limit(connection: Connection) -> None:
    connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS_MAX}s'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_SECONDS_MAX}s'"))


def _log(*, step: MigrationInfo, **_: Any) -> None:
    revisions = step.up_revision_ids or step.down_revision_ids
    structlog.get_logger().info(
        "migrated" if step.is_upgrade else "migrated_down", revision=",".join(revisions)
    )


migrate()
