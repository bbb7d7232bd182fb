"""Tokens of every kind on a protected route, and the agent's header."""

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient

from tests.support.web.people import Person

pytestmark = pytest.mark.stack


DOOR = "/api/sync/pull"


def knock(client: FlaskClient, **headers: str) -> Any:
    return client.get(
        DOOR, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def forge(app: Flask, person: Person, *, header: dict[str, Any], **claims: Any) -> str:
    """Change the person's token and sign it with the platform's key; `None` removes a member."""
    token = person.answer["accessToken"]
    body = jwt.decode(token, options={"verify_signature": False}) | claims
    heads = jwt.get_unverified_header(token) | header
    return jwt.encode(
        {name: value for name, value in body.items() if value is not None},
        app.config["JWT_PRIVATE_KEY"],
        algorithm="EdDSA",
        headers={name: value for name, value in heads.items() if value is not None},
    )


FORGERIES: dict[str, Callable[[Flask, Person], str]] = {
    "expired": lambda app, person: forge(app, person, header={}, exp=int(time.time()) - 1),
    "without expiry": lambda app, person: forge(app, person, header={}, exp=None),
    "of another audience": lambda app, person: forge(app, person, header={}, aud="other"),
    "of another issuer": lambda app, person: forge(app, person, header={}, iss="other"),
    "a refresh JWT": lambda app, person: forge(app, person, header={}, type="refresh"),
    "an mfa JWT": lambda app, person: forge(app, person, header={}, type="mfa"),
    "without type": lambda app, person: forge(app, person, header={}, type=None),
    "without session": lambda app, person: forge(app, person, header={}, sid=None),
    "with a subject that is no id": lambda app, person: forge(app, person, header={}, sub="root"),
    "of another header type": lambda app, person: forge(app, person, header={"typ": "JWT"}),
    "with an unknown key": lambda app, person: forge(app, person, header={"kid": "other"}),
    "without key id": lambda app, person: forge(app, person, header={"kid": None}),
    "signed by a stranger": lambda _app, person: jwt.encode(
        jwt.decode(person.answer["accessToken"], options={"verify_signature": False}),
        Ed25519PrivateKey.generate(),
        algorithm="EdDSA",
        headers=jwt.get_unverified_header(person.answer["accessToken"]),
    ),
    "unsigned": lambda _app, person: jwt.encode(
        jwt.decode(person.answer["accessToken"], options={"verify_signature": False}),
        "",
        algorithm="none",
        headers={
            "kid": jwt.get_unverified_header(person.answer["accessToken"])["kid"],
            "typ": "at+jwt",
        },
    ),
    "the refresh token": lambda _app, person: person.answer["refreshToken"],
    "nonsense": lambda _app, _person: "nonsense",
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_token_that_is_not_an_access_token_of_ours_opens_nothing(
    app: Flask, client: FlaskClient, person: Person, kind: str
) -> None:
    token = FORGERIES[kind](app, person)
    answer = knock(client, Authorization=f"Bearer {token}", X_Agent_ID="laptop")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "token_invalid")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x"])
def test_without_a_bearer_token_the_door_stays_shut(client: FlaskClient, value: str) -> None:
    answer = knock(client, Authorization=value, X_Agent_ID="laptop")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "token_missing")


def test_a_forgery_that_changes_nothing_opens_the_door(
    app: Flask, client: FlaskClient, person: Person
) -> None:
    """So that the refusals above are refusals of what was changed."""
    token = forge(app, person, header={})
    assert knock(client, Authorization=f"Bearer {token}", X_Agent_ID="laptop").status_code == 200


def test_the_agents_header_is_needed_and_must_be_visible_ascii(
    client: FlaskClient, person: Person
) -> None:
    token = person.headers["Authorization"]
    assert knock(client, Authorization=token).get_json()["code"] == "agent_id_missing"
    for agent_id in ("", "a b", "x" * 129, "é"):
        answer = knock(client, Authorization=token, X_Agent_ID=agent_id)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "agent_id_malformed")


def test_a_session_is_its_agents_alone(client: FlaskClient, person: Person) -> None:
    answer = knock(client, Authorization=person.headers["Authorization"], X_Agent_ID="phone")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "agent_mismatch")


def test_a_session_without_an_agent_is_bound_by_its_first_use(
    client: FlaskClient, person: Person
) -> None:
    body = {"email": person.email, "password": person.password}
    token = f"Bearer {client.post('/api/auth/login', json=body).get_json()['accessToken']}"
    assert knock(client, Authorization=token, X_Agent_ID="tablet").status_code == 200
    answer = knock(client, Authorization=token, X_Agent_ID="phone")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "agent_mismatch")
