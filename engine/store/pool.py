"""Events of connection pools: setup of connections, and detection of lost ones."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy.exc import InvalidatePoolError

# A connection that was idle for longer is tested by a query, because a firewall may have dropped
# it without a sign.
IDLE_SECONDS_MAX = 30.0
IDLE_SINCE = "idle_since"


def check_connection(connection: Any, record: Any, _fairy: Any) -> None:
    """Refuse a connection that the server dropped; the pool then replaces all of its connections.

    Between two uses the server sends nothing, so readable data means an end or an error. This
    check costs microseconds; the query costs a round trip and follows only in doubt.

    :raises InvalidatePoolError: when the connection is lost.
    """
    idle_since = record.info.get(IDLE_SINCE)
    if idle_since is None:  # the connection is new
        return
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    doubtful = poll.poll(0) or time.monotonic() - idle_since > IDLE_SECONDS_MAX
    if doubtful and not _responds(connection):
        raise InvalidatePoolError


def record_checkin(_connection: Any, record: Any) -> None:
    """Store since when a connection has been idle."""
    record.info[IDLE_SINCE] = time.monotonic()


def force_generic_plans(connection: Any, _record: Any) -> None:
    """Make PostgreSQL plan a prepared statement once.

    Our statements select by keys, whose values do not change the best plan.
    """
    connection.autocommit = True  # a rollback would revert a SET within a transaction
    connection.execute("SET plan_cache_mode = force_generic_plan")
    connection.autocommit = False


def limit_statements(seconds: float) -> Callable[[Any, Any], None]:
    """Return the event that bounds each statement of a connection, its waits for locks included."""

    def limit(connection: Any, _record: Any) -> None:
        connection.autocommit = True  # as above
        connection.execute(f"SET statement_timeout = {int(1000 * seconds)}")
        connection.autocommit = False

    return limit


EVENTS = [
    (force_generic_plans, "connect"),
    (check_connection, "checkout"),
    (record_checkin, "checkin"),
]


def _responds(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.OperationalError:
        return False
    return True
