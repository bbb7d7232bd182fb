"""Fixtures of the Flask app on the real database and Redis, with its limits lifted."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bin.devtools.stack.platform import LIFTED
from engine.config.settings import Settings
from tests.support.web.authenticator import Protected, protect
from tests.support.web.people import Make, Person
from web.app import create_app
from web.extensions import db


@pytest.fixture(scope="session")
def app(environ: dict[str, str]) -> Iterator[Flask]:
    made = create_app(Settings.from_env(environ | LIFTED))
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def make(environ: dict[str, str]) -> Iterator[Make]:
    """Make apps of other settings."""
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


@pytest.fixture
def person(client: FlaskClient) -> Person:
    return Person(client)


@pytest.fixture
def stranger(client: FlaskClient) -> Person:
    return Person(client)


@pytest.fixture
def protected(client: FlaskClient, person: Person) -> Protected:
    """A person with an authenticator app."""
    return protect(client, person, time.time())
