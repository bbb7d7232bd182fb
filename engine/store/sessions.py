"""Engine and session factory of a process; the caller of a session commits it."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Engine, create_engine, make_url
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

# A wait for a connection, or for a server that fell silent, ends before a local activity has to.
# DATABASE_URL may have other values of the first two.
CONNECTION_OPTIONS = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
POOL_SECONDS_MAX = 10.0


def make_engine(
    settings: Settings, *, pool_size: int = 5, statement_seconds_max: float | None = None
) -> Engine:
    """Return a pooled SQLAlchemy engine that replaces connections the server dropped.

    :param statement_seconds_max: how long a statement may take; None where any time will do.
    """
    url = make_url(settings.need("database_url"))
    options = {name: CONNECTION_OPTIONS[name] for name in CONNECTION_OPTIONS.keys() - url.query}
    limits = [] if statement_seconds_max is None else [pool.limit_statements(statement_seconds_max)]
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_SECONDS_MAX,
        pool_events=[*pool.EVENTS, *((limit, "connect") for limit in limits)],
        connect_args=options,
        hide_parameters=True,  # errors are logged, and parameters are users' data
        **JSON,
    )
    metrics.POOLS.add(engine)
    return engine


def make_sessions(
    settings: Settings, *, pool_size: int = 5, statement_seconds_max: float | None = None
) -> sessionmaker[Session]:
    """Return a factory of sessions whose objects stay readable after a commit."""
    engine = make_engine(settings, pool_size=pool_size, statement_seconds_max=statement_seconds_max)
    return sessionmaker(engine, expire_on_commit=False)
