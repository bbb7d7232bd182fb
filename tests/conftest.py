"""Real servers for every test: one stack a run, a migrated database, fresh keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from bin.devtools.stack.client import Client, Keys
from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import LIFTED, processes
from bin.devtools.stack.server import Server, free_port
from bin.devtools.stack.servers import Stack
from engine.config.settings import Settings
from engine.store.sessions import make_engine
from tests.receivers import Receiver, receiving
from tests.support.servers import own_part

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")
ROOT = Path(__file__).parent.parent
AT_THE_END = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run take its time."""
    parser.addoption(
        "--soak", action="store_true", help="run the state machine and the races for long"
    )


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether this run may take its time."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def home(worker_id: str) -> Path:
    """Where the servers of this run keep their data; of a run in parallel, each worker has its own."""
    return ROOT / ".cloudapi" / ("test" if worker_id == "master" else f"test-{worker_id}")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[AT_THE_END] = ExitStack()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the shared servers; who started them waits here, where no test's time runs."""
    session.config.stash[AT_THE_END].close()


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    """A migrated database, a Redis index and a Temporal namespace of this worker's own, on shared servers."""
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


@dataclass(frozen=True, slots=True)
class Platform:
    """All processes of the Procfile, running."""

    api_url: str
    environ: dict[str, str]
    logs: Path
    servers: dict[str, Server]


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """A server on this machine that channels may lead to."""
    with receiving() as found:
        yield found


@pytest.fixture(scope="session")
def platform(
    home: Path, stack: Stack, environ: dict[str, str], receiver: Receiver
) -> Iterator[Platform]:
    """All processes of the Procfile on the test stack, with the rate limits lifted."""
    logs = home / "logs"
    origin = f"http://localhost:{stack.web_port}"  # browsers know no passkeys for an IP address
    settings = environ | LIFTED | {"PORT": str(stack.web_port), "PASSKEY_ORIGINS": origin}
    settings |= {"CORS_ORIGINS": "https://app.example.org"} | channel_settings(receiver)
    with processes(settings, logs) as servers:
        yield Platform(f"http://127.0.0.1:{stack.web_port}", settings, logs, servers)


def channel_settings(receiver: Receiver) -> dict[str, str]:
    """Open the receiver to channels, and let them lose patience while a test looks on."""
    impatient = {"CHANNEL_BACKOFF_SECONDS": "0.2", "CHANNEL_TRIES_MAX": "3"}
    return impatient | {
        "EGRESS_ALLOW": receiver.host,
        "VAPID_SUBJECT": "mailto:operator@example.org",
    }


@contextmanager
def beside(platform: Platform, **changes: str) -> Iterator[Platform]:
    """Run one more web process of the platform, with some settings changed."""
    port = free_port()
    environ = platform.environ | {"PORT": str(port)} | changes
    logs = platform.logs / f"beside-{port}"
    with processes(environ, logs, ("web",)) as servers:
        yield Platform(f"http://127.0.0.1:{port}", environ, logs, servers)


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session that is rolled back after the test."""
    with sessions() as opened:
        yield opened
        opened.rollback()


@pytest.fixture(autouse=True)
def _no_settings_from_the_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own environment out of the tests."""
    for name in Settings.__dataclass_fields__:
        if name.upper() in os.environ:
            monkeypatch.delenv(name.upper())


@pytest.fixture
def laptop(platform: Platform) -> Iterator[Client]:
    """An agent of a new account on the running platform."""
    with joined(platform) as client:
        yield client


@contextmanager
def joined(platform: Platform, keys: Keys | None = None) -> Iterator[Client]:
    """Register an account on the running platform and be its first agent."""
    with Client(platform.api_url, "laptop", keys or Keys.fresh()) as client:
        client.register(f"{uuid7()}@example.org", "a long pass phrase")
        yield client
