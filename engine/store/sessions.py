"""Engine and session factory of a process; the caller of a session commits it."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from engine.config.settings import Settings
from engine.observability import metrics
from engine.store import metadata, pool

# `metadata` is imported for its effect: a flush needs all tables.
__all__ = ["JSON", "make_engine", "make_sessions", "metadata"]

JSON: dict[str, Any] = {
    "json_serializer": lambda value: orjson.dumps(value).decode(),
    "json_deserializer": orjson.loads,
}


def make_engine(settings: Settings, *, pool_size: int = 5) -> Engine:
    """Return a pooled SQLAlchemy engine that replaces connections the server dropped."""
    engine = create_engine(
        settings.need("database_url"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_events=pool.EVENTS,
        hide_parameters=True,  # errors are logged, and parameters are users' data
        **JSON,
    )
    metrics.POOLS.add(engine)
    return engine


def make_sessions(settings: Settings, *, pool_size: int = 5) -> sessionmaker[Session]:
    """Return a factory of sessions whose objects stay readable after a commit."""
    return sessionmaker(make_engine(settings, pool_size=pool_size), expire_on_commit=False)
