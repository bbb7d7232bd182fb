"""Fixtures of the Flask app on the real database and Redis, without rate limits."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bin.devtools.stack.platform import NO_RATE_LIMITS
from engine.config.settings import Settings
from tests.support.web.authenticator import ProtectedPerson, protect
from tests.support.web.people import Make, Person
from web.app import create_app
from web.extensions import db

# A hash that takes longer than the first pause after wrong passwords would end that pause.
CHEAP_HASHES = {"PASSWORD_HASH_KIB": "1024", "PASSWORD_HASH_PASSES": "1"}


@pytest.fixture(scope="session")
def app(environ: dict[str, str]) -> Iterator[Flask]:
    flask_app = create_app(Settings.from_env(environ | NO_RATE_LIMITS | CHEAP_HASHES))
    yield flask_app
    with flask_app.app_context():
        db.engine.dispose()


@pytest.fixture
def make(environ: dict[str, str]) -> Iterator[Make]:
    """A function that creates apps with other settings."""
    apps: list[Flask] = []

    def app(**changes: str) -> Flask:
        apps.append(
            create_app(Settings.from_env(environ | NO_RATE_LIMITS | CHEAP_HASHES | changes))
        )
        return apps[-1]

    yield app
    for one in apps:
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
def protected_person(client: FlaskClient, person: Person) -> ProtectedPerson:
    """A person with an authenticator app."""
    return protect(client, person, time.time())
