"""Kills under load: acknowledged states are pulled, streams report them, no stamp repeats."""

import signal
from collections.abc import Callable

import psycopg
import pytest

from tests.support.journeys.fragile import Fragile
from tests.support.journeys.load import check, under_load
from tests.support.waiting import until

pytestmark = pytest.mark.journey


PUSHES, EARLY = 200, 50  # in all, and acknowledged when something breaks


def waiting(fragile: Fragile) -> int:
    """Return how many notices wait in the outbox."""
    with psycopg.connect(fragile.stack.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM outbox WHERE kind = 'sync.changed'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_redis_killed_during_500_pushes_costs_no_push_and_no_notice(fragile: Fragile) -> None:
    with under_load(fragile.platform, 500) as load:
        load.reach(100)
        fragile.kill("Valkey")
        try:
            load.reach(load.pushes)
        finally:
            fragile.revive("Valkey")
        check(load)
        assert load.refusals() == set(), "without Redis every push is accepted at its first try"
        until(lambda: waiting(fragile) == 0)


def test_the_fan_out_killed_in_the_middle_of_its_work_tells_everybody_in_the_end(
    fragile: Fragile,
) -> None:
    with under_load(fragile.platform, PUSHES) as load:
        load.reach(EARLY)
        fragile.kill("fanout")
        try:
            load.reach(load.pushes)
            assert waiting(fragile) > 0, "there was work in its hands"
        finally:
            fragile.revive("fanout")
        check(load)
        assert load.refusals() == set()
        until(lambda: waiting(fragile) == 0)


def stop(fragile: Fragile, name: str) -> None:
    """Stop PostgreSQL as its administrator would in a hurry: it rolls back what is under way."""
    fragile.parts[name].process.send_signal(signal.SIGINT)
    fragile.parts[name].process.wait()


@pytest.mark.parametrize("end", [stop, Fragile.kill], ids=["stopped", "killed"])
def test_postgresql_restarted_under_load_loses_nothing_that_was_acknowledged(
    fragile: Fragile, end: Callable[[Fragile, str], None]
) -> None:
    with under_load(fragile.platform, PUSHES) as load:
        load.reach(EARLY)
        end(fragile, "PostgreSQL")
        try:
            until(lambda: 503 in load.refusals())
        finally:
            fragile.revive("PostgreSQL")
        check(load)
        assert load.refusals() == {503}, "an outage is never our fault, nor the client's"


def test_web_killed_under_load_loses_nothing_that_was_acknowledged(fragile: Fragile) -> None:
    with under_load(fragile.platform, PUSHES) as load:
        load.reach(EARLY)
        streams = [listener.connections for listener in load.listeners]
        fragile.kill("web")
        try:
            until(lambda: all(pusher.interruptions for pusher in load.pushers))
        finally:
            fragile.revive("web")
        check(load)
        assert load.refusals() == set()
        reconnections = [listener.connections for listener in load.listeners]
        assert all(after > before for before, after in zip(streams, reconnections, strict=True))
