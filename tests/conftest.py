"""Real servers for every test: one stack for a run, a migrated database, new keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import hypothesis
import pytest
from hypothesis import HealthCheck
from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7
from xdist.remote import Producer

from bin.devtools.stack.client import Client
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import NO_RATE_LIMITS, processes
from bin.devtools.stack.servers import Stack
from engine.config.settings import Settings
from engine.store.accounts import Account
from engine.store.sessions import make_engine
from tests.support.platform import ROOT, Platform, channel_settings, new_agent
from tests.support.receivers import Receiver, receiving
from tests.support.scheduling import BothEndsScheduling
from tests.support.servers import own_part

# An example's duration depends on the load of the machine.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")
pytest_plugins = ["tests.support.web.fixtures"]
NEEDS = ("unit", "stack", "platform", "journey")  # markers; each includes the needs of those before
FIXTURES = {"stack": {"stack"}, "platform": {"platform"}, "journey": {"fragile", "traced_platform"}}
AT_THE_END = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that lets the races and the state machine run for long."""
    parser.addoption(
        "--soak", action="store_true", help="run the state machine and the races for long"
    )


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether this run may take its time."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def home(worker_id: str) -> Path:
    """The directory of the servers' data; each parallel worker has its own."""
    return ROOT / ".cloudapi" / ("test" if worker_id == "master" else f"test-{worker_id}")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[AT_THE_END] = ExitStack()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> BothEndsScheduling | None:
    """Let parallel workers take the files of tests from both ends, unless another way is asked."""
    return BothEndsScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse tests without a marker, and those that use more than their marker says.

    Parallel workers find journeys first and unit tests last.

    :raises pytest.UsageError: with the name of the first such test
    """
    needs = {item: _needs(item) for item in items}
    if hasattr(config, "workerinput"):
        items.sort(key=needs.__getitem__, reverse=True)


def _needs(item: pytest.Item) -> int:
    """Return the place of the test's marker in NEEDS.

    :raises pytest.UsageError: when the test has no marker or several, or a later one's fixture
    """
    markers = [name for name in NEEDS if item.get_closest_marker(name)]
    if len(markers) != 1:
        raise pytest.UsageError(
            f"{item.nodeid} carries {len(markers)} of the markers {', '.join(NEEDS)}"
        )
    place = NEEDS.index(markers[0])
    fixtures: set[str] = set(getattr(item, "fixturenames", ()))
    for name in NEEDS[place + 1 :]:
        if fixtures & FIXTURES[name]:
            raise pytest.UsageError(f"{item.nodeid} is marked {markers[0]} and needs {name}")
    return place


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the shared servers; the worker that started them waits here, outside of any test."""
    session.config.stash[AT_THE_END].close()


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    """This worker's migrated database, Redis index and Temporal namespace on the shared servers."""
    return request.config.stash[AT_THE_END].enter_context(
        own_part(ROOT / ".cloudapi" / "test-servers")
    )


@pytest.fixture(scope="session")
def environ(stack: Stack) -> dict[str, str]:
    """The environment variables a process of the platform needs on this stack."""
    return stack.environ() | fresh_keys()


@pytest.fixture(scope="session")
def settings(environ: dict[str, str]) -> Settings:
    return Settings.from_env(environ)


@pytest.fixture(scope="session")
def sessions(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """A session factory on this worker's database."""
    engine = make_engine(settings)
    yield sessionmaker(engine, expire_on_commit=False)
    engine.dispose()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """A server on this machine that receives the messages of channels."""
    with receiving() as server:
        yield server


@pytest.fixture(scope="session")
def platform(
    home: Path, stack: Stack, environ: dict[str, str], receiver: Receiver
) -> Iterator[Platform]:
    """All processes of the Procfile on the test stack, without rate limits."""
    logs = home / "logs"
    origin = f"http://localhost:{stack.web_port}"  # browsers know no passkeys for an IP address
    settings = environ | NO_RATE_LIMITS | {"PORT": str(stack.web_port), "PASSKEY_ORIGINS": origin}
    settings |= {"CORS_ORIGINS": "https://app.example.org"} | channel_settings(receiver)
    with processes(settings, logs) as servers:
        yield Platform(f"http://127.0.0.1:{stack.web_port}", settings, logs, servers)


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session that is rolled back after the test."""
    with sessions() as session:
        yield session
        session.rollback()


@pytest.fixture(autouse=True)
def _no_settings_from_the_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's own environment from the tests."""
    for name in Settings.__dataclass_fields__:
        if name.upper() in os.environ:
            monkeypatch.delenv(name.upper())


@pytest.fixture
def laptop(platform: Platform) -> Iterator[Client]:
    """An agent of a new account on the running platform."""
    with new_agent(platform) as client:
        yield client


@pytest.fixture
def account_id(sessions: sessionmaker[Session]) -> Iterator[UUID]:
    """An account whose rows are committed, and deleted after the test."""
    with sessions.begin() as session:
        account = Account(
            id=uuid7(),
            email=f"{uuid7()}@example.org",
            password_hash="-",
            public_key="-",
            created_at=datetime.now(UTC),
        )
        session.add(account)
    yield account.id
    with sessions.begin() as session:
        session.execute(delete(Account).where(Account.id == account.id))
