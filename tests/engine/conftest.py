import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from bin.devtools.fakes import rabbitmq
from bin.devtools.fakes.https_server import create_certificate


@pytest.fixture(scope="session")
def rabbit(home: Path) -> Iterator[rabbitmq.RabbitBroker]:
    """Run RabbitMQ; without it, skip the test or fail by BROKER_NEEDED."""
    script = rabbitmq.find_script()
    if script is None and not os.environ.get("BROKER_NEEDED"):
        pytest.skip(reason="no RabbitMQ is installed here; bin/ci installs and demands it")
    assert script is not None, "RabbitMQ is demanded and not installed"
    folder = home / "rabbitmq"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with rabbitmq.run_broker(script, folder, *create_certificate(folder)) as broker:
        yield broker


@pytest.fixture
def session(account_id: UUID, session: Session) -> Session:
    """The session of a test, rolled back before the account goes whose rows it may have locked."""
    assert account_id
    return session
