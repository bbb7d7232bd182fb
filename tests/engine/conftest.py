import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from bin.devtools.fakes import rabbitmq
from bin.devtools.fakes.https_server import certified
from engine.store.accounts import Account


@pytest.fixture(scope="session")
def rabbit(home: Path) -> Iterator[rabbitmq.Rabbit]:
    """A broker of queues; where none is installed, and none is demanded, its tests are passed over."""
    script = rabbitmq.installed()
    if script is None and not os.environ.get("BROKER_NEEDED"):
        pytest.skip(reason="no RabbitMQ is installed here; bin/ci installs and demands it")
    assert script is not None, "RabbitMQ is demanded and not installed"
    folder = home / "rabbitmq"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with rabbitmq.running(script, folder, *certified(folder)) as broker:
        yield broker


@pytest.fixture
def account_id(sessions: sessionmaker[Session]) -> Iterator[UUID]:
    """An account whose rows are really committed, and gone after the test."""
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


@pytest.fixture
def session(account_id: UUID, session: Session) -> Session:
    """The session of a test, rolled back before the account goes whose rows it may have locked."""
    assert account_id
    return session
