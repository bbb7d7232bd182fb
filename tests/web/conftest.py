"""The Flask app on the real database and Redis, with its limits lifted."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from bin.devtools.stack.platform import LIFTED
from engine.config.settings import Settings
from web.app import create_app
from web.extensions import db


@pytest.fixture(scope="session")
def app(environ: dict[str, str], sessions: sessionmaker[Session]) -> Iterator[Flask]:
    assert sessions is not None, "the database is migrated first"
    made = create_app(Settings.from_env(environ | LIFTED))
    yield made
    with made.app_context():
        db.engine.dispose()


Make = Callable[..., Flask]


@pytest.fixture
def make(environ: dict[str, str], sessions: sessionmaker[Session]) -> Iterator[Make]:
    """Make apps of other settings."""
    assert sessions is not None, "the database is migrated first"
    made: list[Flask] = []

    def app(**changes: str) -> Flask:
        made.append(create_app(Settings.from_env(environ | LIFTED | changes)))
        return made[-1]

    yield app
    for one in made:
        with one.app_context():
            db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class Person:
    """A registered account and an agent of it."""

    def __init__(self, client: FlaskClient, agent_id: str = "laptop") -> None:
        self.email = f"{uuid7()}@example.org"
        self.password = "a long pass phrase"
        body = {"email": self.email, "password": self.password, "publicKey": "mine"}
        answer = client.post("/api/auth/register", json=body, headers={"X-Agent-ID": agent_id})
        assert answer.status_code == 201, answer.text
        self.answer = answer.get_json()
        self.id: str = self.answer["user"]["id"]
        self.headers = {
            "Authorization": f"Bearer {self.answer['accessToken']}",
            "X-Agent-ID": agent_id,
        }


@pytest.fixture
def person(client: FlaskClient) -> Person:
    return Person(client)


@pytest.fixture
def stranger(client: FlaskClient) -> Person:
    return Person(client)
