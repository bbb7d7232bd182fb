"""Sync loses nothing: a state machine of clients against an oracle of causal histories."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.store.accounts import Account
from tests.support.sync.broken_rules import BROKEN_RULES, STORIES
from tests.support.sync.door import Door
from tests.support.sync.machine import Machine

pytestmark = pytest.mark.stack


SESSIONS = sessionmaker[Session]
EXAMPLES, STEPS = 25, 30
ROUNDS = 20  # of a soak, whose examples are longer, too


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat the machine in a soak: each round is a test with a time limit of its own."""
    if "lap" in metafunc.fixturenames:
        metafunc.parametrize("lap", range(ROUNDS if metafunc.config.getoption("--soak") else 1))


def bounded(examples: int, steps: int, *, same_every_time: bool = False) -> settings:
    """Return Hypothesis's settings; to shrink an example would take longer than a test may."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=same_every_time,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def machines(sessions: SESSIONS) -> Iterator[type[Machine]]:
    """Yield a machine whose every instance is on an account of its own."""
    accounts: list[UUID] = []

    class OnItsOwn(Machine):
        def open_door(self) -> Door:
            with sessions.begin() as session:
                accounts.append(enter(session))
            return Door(sessions, accounts[-1])

    try:
        yield OnItsOwn
    finally:
        with sessions.begin() as session:
            session.execute(delete(Account).where(Account.id.in_(accounts)))


def play(machine: Machine, name: str) -> None:
    """Play a story to its end."""
    machine.two_clients()
    STORIES[name](machine)
    machine.teardown()


def enter(session: Session) -> UUID:
    """Make an account and return its id."""
    account = Account(
        id=uuid7(),
        email=f"{uuid7()}@example.org",
        password_hash="-",
        public_key="-",
        created_at=datetime.now(UTC),
    )
    session.add(account)
    return account.id


def test_no_accepted_write_is_ever_lost_and_all_clients_converge(
    sessions: SESSIONS, soak: bool, lap: int
) -> None:
    assert lap < ROUNDS
    with machines(sessions) as machine:
        run_state_machine_as_test(machine, settings=bounded(EXAMPLES, 2 * STEPS if soak else STEPS))


@pytest.mark.parametrize("name", [name for name in BROKEN_RULES if name not in STORIES])
def test_the_machine_notices_a_broken_rule(
    sessions: SESSIONS, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    BROKEN_RULES[name](monkeypatch)
    limits = bounded(4 * EXAMPLES, STEPS, same_every_time=True)
    with machines(sessions) as machine, pytest.raises((AssertionError, Flaky, IntegrityError)):
        run_state_machine_as_test(machine, settings=limits)


@pytest.mark.parametrize("name", STORIES)
def test_the_machine_notices_a_broken_rule_in_a_story_that_else_ends_well(
    sessions: SESSIONS, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with machines(sessions) as machine:
        play(machine(), name)
        BROKEN_RULES[name](monkeypatch)
        with pytest.raises(AssertionError):
            play(machine(), name)
