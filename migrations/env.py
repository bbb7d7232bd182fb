"""Run migrations on DATABASE_URL under an advisory lock, so that two releases never migrate at once."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from engine.settings import Settings
from engine.store.models import Base
from engine.store.sessions import make_engine

LOCK = 0x636C6F7564  # "cloud"; any constant of our own will do


def migrate() -> None:
    engine = make_engine(Settings.from_env(), pool_size=1)
    with engine.connect() as connection:
        # Held by the session, not the transaction: it spans every migration's own transaction.
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


migrate()
