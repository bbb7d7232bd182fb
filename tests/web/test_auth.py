import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.store.models import Account, RefreshSession
from tests.web.conftest import Make, Person

WRONG = "wrong pass phrase"


def exchange(client: FlaskClient, token: str, **headers: str) -> Any:
    return client.post("/api/auth/refresh", json={"refreshToken": token}, headers=headers)


def age(sessions: sessionmaker[Session], person: Person, by: timedelta) -> None:
    """Make the person's sessions look as if they were rotated that much earlier."""
    with sessions.begin() as session:
        session.execute(
            update(RefreshSession)
            .where(RefreshSession.account_id == person.id)
            .values(rotated_at=datetime.now(UTC) - by)
        )


def test_registering_answers_the_user_and_two_tokens(person: Person) -> None:
    assert set(person.answer) == {"user", "accessToken", "refreshToken"}
    assert person.answer["user"] == {"id": person.id, "email": person.email, "publicKey": "mine"}


def test_a_taken_email_is_refused_whatever_its_case(client: FlaskClient, person: Person) -> None:
    body = {"email": person.email.upper(), "password": "another pass phrase", "publicKey": ""}
    answer = client.post("/api/auth/register", json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "email_taken")


def test_a_wrong_password_and_an_unknown_email_answer_alike(client: FlaskClient, person: Person) -> None:
    answers = [
        client.post("/api/auth/login", json={"email": email, "password": "wrong pass phrase"})
        for email in (person.email, f"{uuid7()}@example.org")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    first, second = ({**answer.get_json(), "requestId": ""} for answer in answers)
    assert first == second
    assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")


def test_logging_in_gives_the_same_user_and_working_tokens(client: FlaskClient, person: Person) -> None:
    answer = client.post("/api/auth/login", json={"email": person.email, "password": person.password})
    assert answer.status_code == 200
    assert answer.get_json()["user"] == person.answer["user"]


BAD_BODIES = [
    ({}, "/email"),
    ({"email": "nobody", "password": "a long pass phrase", "publicKey": ""}, "/email"),
    ({"email": "a@example.org", "password": "short", "publicKey": ""}, "/password"),
    ({"email": "a@example.org", "password": "x" * 257, "publicKey": ""}, "/password"),
    ({"email": "a@example.org", "password": 12345678, "publicKey": ""}, "/password"),
    ({"email": "a@example.org", "password": "a long pass phrase"}, "/publicKey"),
    ({"email": "a@example.org", "password": "a long pass phrase", "publicKey": "k" * 8193}, "/publicKey"),
    ({"email": "a@example.org", "password": "a long pass phrase", "publicKey": "\0"}, "/publicKey"),
    ({"email": "a@example.org", "password": "\ud800 long pass phrase", "publicKey": ""}, "/password"),
    ({"email": "a@example.org", "password": "a long pass phrase", "publicKey": "", "admin": 1}, "/admin"),
]


@pytest.mark.parametrize(("body", "pointer"), BAD_BODIES)
def test_a_bad_value_is_named_by_its_pointer(client: FlaskClient, body: Any, pointer: str) -> None:
    answer = client.post("/api/auth/register", json=body)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.get_json()["errors"]]


MALFORMED = [b"", b"{", b"[1,]", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff\xfe", b'{"a":' + b"[" * 100_000]


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


def test_a_refresh_token_is_exchanged_once_and_its_session_goes_on(
    client: FlaskClient, person: Person
) -> None:
    first = person.answer["refreshToken"]
    second = exchange(client, first).get_json()["refreshToken"]
    assert second != first
    assert exchange(client, second).status_code == 200


def test_sixteen_exchanges_at_once_rotate_once_and_get_one_successor(app: Flask, person: Person) -> None:
    token = person.answer["refreshToken"]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: exchange(app.test_client(), token), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    (successor,) = {answer.get_json()["refreshToken"] for answer in answers}
    assert exchange(app.test_client(), successor).status_code == 200


def test_the_previous_token_after_the_grace_ends_the_session(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    first = person.answer["refreshToken"]
    second = exchange(client, first).get_json()["refreshToken"]
    age(sessions, person, timedelta(seconds=31))
    stolen = exchange(client, first)
    assert (stolen.status_code, stolen.get_json()["code"]) == (401, "refresh_reused")
    assert exchange(client, second).get_json()["code"] == "refresh_invalid"


def test_an_idle_session_is_over(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    age(sessions, person, timedelta(days=8))
    assert exchange(client, person.answer["refreshToken"]).status_code == 401


@pytest.mark.parametrize("change", ["counter", "session", "seal", "kid", "kind", "nonsense"])
def test_a_refresh_token_that_is_not_ours_is_refused(
    client: FlaskClient, person: Person, change: str
) -> None:
    kind, kid, session, counter, seal = person.answer["refreshToken"].split(".")
    forged = {
        "counter": f"{kind}.{kid}.{session}.7.{seal}",
        "session": f"{kind}.{kid}.{uuid7().hex}.{counter}.{seal}",
        "seal": f"{kind}.{kid}.{session}.{counter}.{base64.urlsafe_b64encode(b'x' * 32).decode()}",
        "kid": f"{kind}.other.{session}.{counter}.{seal}",
        "kind": f"rt2.{kid}.{session}.{counter}.{seal}",
        "nonsense": "…",
    }[change]
    answer = exchange(client, forged)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "refresh_invalid")


def test_a_session_bound_to_an_agent_is_refused_to_another(client: FlaskClient, person: Person) -> None:
    answer = exchange(client, person.answer["refreshToken"], **{"X-Agent-ID": "phone"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "agent_mismatch")


@pytest.mark.parametrize("password", ["password", "PASSWORD", "12345678", "qwertyuiop"])
def test_a_common_password_is_refused_in_any_case(client: FlaskClient, password: str) -> None:
    body = {"email": f"{uuid7()}@example.org", "password": password, "publicKey": ""}
    answer = client.post("/api/auth/register", json=body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/password")


def attempt(client: FlaskClient, email: str, password: str = WRONG, agent: str = "") -> Any:
    headers = {"X-Agent-ID": agent} if agent else {}
    return client.post("/api/auth/login", json={"email": email, "password": password}, headers=headers)


@pytest.mark.parametrize("known", [True, False])
def test_wrong_passwords_slow_the_next_one_down_whether_the_account_exists_or_not(
    client: FlaskClient, person: Person, known: bool
) -> None:
    email = person.email if known else f"{uuid7()}@example.org"
    assert [attempt(client, email).status_code for _ in range(6)] == [401] * 5 + [429]
    refused = attempt(client, email.upper(), person.password)
    assert refused.get_json()["code"] == "too_many_tries"
    assert int(refused.headers["Retry-After"]) == 1


def test_a_strangers_tries_do_not_keep_a_known_agent_out(client: FlaskClient, person: Person) -> None:
    for _ in range(8):
        attempt(client, person.email, agent="attacker")
    assert attempt(client, person.email, person.password, agent="phone").status_code == 429
    assert attempt(client, person.email, person.password, agent="laptop").status_code == 200


def test_the_right_password_wipes_the_slate(client: FlaskClient, person: Person) -> None:
    for _ in range(3):
        statuses = [attempt(client, person.email).status_code for _ in range(4)]
        assert [*statuses, attempt(client, person.email, person.password).status_code] == [401] * 4 + [200]


def test_a_replay_is_recorded_once_however_often_it_comes(
    app: Flask, client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    first = person.answer["refreshToken"]
    exchange(client, first)
    age(sessions, person, timedelta(seconds=31))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: exchange(app.test_client(), first).get_json()["code"], range(8)))
    assert sorted(answers) == ["refresh_invalid"] * 7 + ["refresh_reused"]
    login = attempt(client, person.email, person.password, agent="laptop").get_json()["accessToken"]
    headers = {"Authorization": f"Bearer {login}", "X-Agent-ID": "laptop"}
    events = client.get("/api/auth/audit", headers=headers).get_json()["events"]
    assert [event["kind"] for event in events] == ["session_started", "refresh_reused", "registered"]


def test_while_too_many_passwords_are_checked_login_says_so_and_counts_no_try(
    app: Flask, client: FlaskClient, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = app.extensions["desk"].passwords
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "need_room", lambda: None)  # the last place is taken after the first look
        patch.setattr(passwords, "_free", BoundedSemaphore(1))
        assert passwords._free.acquire()  # noqa: SLF001 - as a hash under way does
        for _ in range(7):
            full = attempt(client, person.email, person.password)
            assert (full.status_code, full.get_json()["code"]) == (503, "busy")
            assert full.headers["Retry-After"] == "1"
    assert attempt(client, person.email).status_code == 401, "no try was counted"


def test_a_full_house_is_seen_before_anything_is_asked(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = app.extensions["desk"].passwords
    monkeypatch.setattr(passwords, "_free", BoundedSemaphore(1))
    assert passwords._free.acquire()  # noqa: SLF001 - as a hash under way does
    body = {"email": f"{uuid7()}@example.org", "password": "a long pass phrase", "publicKey": ""}
    assert client.post("/api/auth/register", json=body).status_code == 503
    assert attempt(client, body["email"]).status_code == 503


def test_where_registration_is_closed_nobody_registers(make: Make) -> None:
    body = {"email": f"{uuid7()}@example.org", "password": "a long pass phrase", "publicKey": ""}
    answer = make(REGISTRATION="closed").test_client().post("/api/auth/register", json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "registration_closed")


def test_a_password_is_hashed_anew_when_the_parameters_change(
    make: Make, person: Person, sessions: sessionmaker[Session]
) -> None:
    stronger = make(PASSWORD_HASH_PASSES="3").test_client()
    assert attempt(stronger, person.email, person.password).status_code == 200
    with sessions() as session:
        known = session.scalar(select(Account.password_hash).where(Account.id == person.id))
    assert "t=3" in str(known)
    assert attempt(stronger, person.email, person.password).status_code == 200


def test_a_refresh_needs_no_access_token_and_ignores_a_bad_one(client: FlaskClient, person: Person) -> None:
    token = person.answer["refreshToken"]
    answer = exchange(client, token, Authorization="Bearer long.since.expired")
    assert answer.status_code == 200
