"""Pooled connections: how they begin, and how one that the server has dropped is noticed."""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg
from sqlalchemy.exc import InvalidatePoolError

# A connection that has rested for longer is asked: a firewall on the way may have forgotten it silently.
RESTED_SECONDS_MAX = 30.0
RESTED_SINCE = "rested_since"


def look(connection: Any, record: Any, _fairy: Any) -> None:
    """Refuse a connection that is gone; the pool then makes anew all that it holds.

    Between two uses nothing is on its way to us, so whatever can be read tells of an end, or at least of
    something to find out about. Looking costs microseconds, asking a round trip.

    :raises InvalidatePoolError: when it is gone.
    """
    rested_since = record.info.get(RESTED_SINCE)
    if rested_since is None:  # it has just been made
        return
    told = select.poll()
    told.register(connection.fileno(), select.POLLIN)
    doubtful = told.poll(0) or time.monotonic() - rested_since > RESTED_SECONDS_MAX
    if doubtful and not _answers(connection):
        raise InvalidatePoolError


def rest(_connection: Any, record: Any) -> None:
    """Note since when a connection has not been used."""
    record.info[RESTED_SINCE] = time.monotonic()


def plan_once(connection: Any, _record: Any) -> None:
    """Have prepared statements planned once: ours go by keys, whose values change no plan worth having."""
    connection.autocommit = True  # what a transaction sets, its end may take back
    connection.execute("SET plan_cache_mode = force_generic_plan")
    connection.autocommit = False


EVENTS = [(plan_once, "connect"), (look, "checkout"), (rest, "checkin")]


def _answers(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.OperationalError:
        return False
    return True
