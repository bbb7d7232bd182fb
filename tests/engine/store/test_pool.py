"""The pool detects a lost connection before its use, and tests a good one only in doubt."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from engine.config.settings import Settings
from engine.store import pool
from engine.store.sessions import make_engine
from engine.temporal.outages import is_outage

pytestmark = pytest.mark.stack


PID = text("SELECT pg_backend_pid()")
LAST_ASKED = "SELECT query_start FROM pg_stat_activity WHERE pid = %s"


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    made = make_engine(settings, pool_size=1)
    yield made
    made.dispose()


def used(engine: Engine) -> int:
    """Use a connection; return which."""
    with engine.connect() as connection:
        return int(connection.scalar(PID) or 0)


def elsewhere(settings: Settings) -> psycopg.Connection:
    return psycopg.connect(settings.database_url.replace("+psycopg", ""), autocommit=True)


def end(settings: Settings, pid: int) -> None:
    with elsewhere(settings) as other:  # which waits until the other is gone
        assert other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)


def test_statements_are_planned_once(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.rollback()
        assert connection.scalar(text("SHOW plan_cache_mode")) == "force_generic_plan"


def test_a_connection_that_the_server_has_ended_is_replaced(
    settings: Settings, engine: Engine
) -> None:
    first = used(engine)
    end(settings, first)
    assert used(engine) not in {0, first}


def test_with_one_that_is_gone_all_that_rested_are_replaced(settings: Settings) -> None:
    engine = make_engine(settings, pool_size=2)
    with engine.connect() as one, engine.connect() as other:
        pids = {int(one.scalar(PID) or 0), int(other.scalar(PID) or 0)}
    for pid in pids:
        end(settings, pid)
    with engine.connect() as one, engine.connect() as other:
        assert not pids & {one.scalar(PID), other.scalar(PID)}
    engine.dispose()


@pytest.mark.parametrize(("rested", "asked"), [(pool.IDLE_SECONDS_MAX, False), (-1.0, True)])
def test_one_that_is_there_is_asked_only_after_a_long_rest(
    engine: Engine,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    *,
    rested: float,
    asked: bool,
) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS_MAX", rested)
    pid = used(engine)
    with elsewhere(settings) as other:
        before = other.execute(LAST_ASKED, [pid]).fetchone()
        with engine.connect():
            assert (other.execute(LAST_ASKED, [pid]).fetchone() != before) is asked
    assert used(engine) == pid


def test_waits_for_a_connection_are_bounded(settings: Settings) -> None:
    url = settings.database_url
    separator = "&" if "?" in url else "?"
    patient = replace(settings, database_url=f"{url}{separator}connect_timeout=7")
    for each, seconds in ((settings, "5"), (patient, "7")):
        engine = make_engine(each, pool_size=1)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            parameters = driver.info.get_parameters()
        engine.dispose()
        assert (parameters["connect_timeout"], parameters["tcp_user_timeout"]) == (seconds, "10000")


def test_a_statement_that_takes_too_long_is_an_outage(settings: Settings) -> None:
    engine = make_engine(settings, pool_size=1, statement_seconds_max=0.05)
    with engine.connect() as connection:
        connection.rollback()
        with pytest.raises(OperationalError) as failure:
            connection.execute(text("SELECT pg_sleep(60)"))
    engine.dispose()
    assert is_outage(failure.value)
