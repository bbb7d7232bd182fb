"""Registration and login."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from uuid_utils.compat import uuid7

from tests.support.web.people import Make, Person

pytestmark = pytest.mark.stack


def test_registering_answers_the_user_and_two_tokens(person: Person) -> None:
    assert set(person.answer) == {"user", "accessToken", "refreshToken"}
    assert person.answer["user"] == {"id": person.id, "email": person.email, "publicKey": "mine"}


def test_a_taken_email_is_refused_whatever_its_case(client: FlaskClient, person: Person) -> None:
    body = {"email": person.email.upper(), "password": "another pass phrase", "publicKey": ""}
    answer = client.post("/api/auth/register", json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "email_taken")


def test_a_wrong_password_and_an_unknown_email_answer_alike(
    client: FlaskClient, person: Person
) -> None:
    answers = [
        client.post("/api/auth/login", json={"email": email, "password": "wrong pass phrase"})
        for email in (person.email, f"{uuid7()}@example.org")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    first, second = ({**answer.get_json(), "requestId": ""} for answer in answers)
    assert first == second
    assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")


def test_logging_in_gives_the_same_user_and_working_tokens(
    client: FlaskClient, person: Person
) -> None:
    answer = client.post(
        "/api/auth/login", json={"email": person.email, "password": person.password}
    )
    assert answer.status_code == 200
    assert answer.get_json()["user"] == person.answer["user"]


BAD_BODIES = [
    ({}, "/email"),
    ({"email": "nobody", "password": "a long pass phrase", "publicKey": ""}, "/email"),
    ({"email": "a@example.org", "password": "short", "publicKey": ""}, "/password"),
    ({"email": "a@example.org", "password": "x" * 257, "publicKey": ""}, "/password"),
    ({"email": "a@example.org", "password": 12345678, "publicKey": ""}, "/password"),
    ({"email": "a@example.org", "password": "a long pass phrase"}, "/publicKey"),
    (
        {"email": "a@example.org", "password": "a long pass phrase", "publicKey": "k" * 8193},
        "/publicKey",
    ),
    ({"email": "a@example.org", "password": "a long pass phrase", "publicKey": "\0"}, "/publicKey"),
    (
        {"email": "a@example.org", "password": "\ud800 long pass phrase", "publicKey": ""},
        "/password",
    ),
    (
        {"email": "a@example.org", "password": "a long pass phrase", "publicKey": "", "admin": 1},
        "/admin",
    ),
]


@pytest.mark.parametrize(("body", "pointer"), BAD_BODIES)
def test_a_bad_value_is_named_by_its_pointer(client: FlaskClient, body: Any, pointer: str) -> None:
    answer = client.post("/api/auth/register", json=body)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.get_json()["errors"]]


MALFORMED = [
    b"",
    b"{",
    b"[1,]",
    b'{"a": NaN}',
    b'{"a": -1e999}',
    b'{"a": %b}' % (b"9" * 400),
    b'{"a": 1, "a": 2}',
    b"\xff\xfe",
    b'{"a":' + b"[" * 100_000,
]


@pytest.mark.parametrize("body", MALFORMED)
def test_what_is_no_json_is_refused_and_said_to_be(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/api/auth/login", data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed_json")


def test_a_body_of_another_type_is_refused(client: FlaskClient) -> None:
    answer = client.post("/api/auth/login", data={"email": "a@example.org"})
    assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_media_type")


def test_an_oversized_body_is_refused(client: FlaskClient) -> None:
    answer = client.post("/api/auth/login", json={"email": "a" * 5_000_000, "password": ""})
    assert (answer.status_code, answer.get_json()["code"]) == (413, "request_entity_too_large")


def test_a_json_array_or_null_is_no_body(client: FlaskClient) -> None:
    bodies: list[Any] = [[], None, "text", 1]
    for body in bodies:
        assert client.post("/api/auth/login", json=body).status_code == 422


def test_where_registration_is_closed_nobody_registers(make: Make) -> None:
    body = {"email": f"{uuid7()}@example.org", "password": "a long pass phrase", "publicKey": ""}
    answer = make(REGISTRATION="closed").test_client().post("/api/auth/register", json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "registration_closed")
