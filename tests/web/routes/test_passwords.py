"""Passwords: rules, backoff of wrong attempts, and the limit on concurrent hashes."""

from threading import BoundedSemaphore

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from bin.devtools.stack.server import free_port
from engine.store.accounts import Account
from tests.support.web.people import Make, Person
from tests.support.web.sessions import attempt

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("password", ["password", "PASSWORD", "12345678", "qwertyuiop"])
def test_a_common_password_is_refused_in_any_case(client: FlaskClient, password: str) -> None:
    body = {"email": f"{uuid7()}@example.org", "password": password, "publicKey": ""}
    answer = client.post("/api/auth/register", json=body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/password")


@pytest.mark.parametrize("known", [True, False])
def test_wrong_passwords_slow_the_next_one_down_whether_the_account_exists_or_not(
    client: FlaskClient, person: Person, known: bool
) -> None:
    email = person.email if known else f"{uuid7()}@example.org"
    assert [attempt(client, email).status_code for _ in range(6)] == [401] * 5 + [429]
    refused = attempt(client, email.upper(), person.password)
    assert refused.get_json()["code"] == "too_many_tries"
    assert int(refused.headers["Retry-After"]) == 1


STRANGERS = [f"198.51.100.{number}" for number in range(1, 251)]


def test_a_strangers_tries_keep_the_owner_out_on_no_device(
    client: FlaskClient, person: Person
) -> None:
    for number in range(40):
        attempt(client, person.email, agent=f"attacker-{number}", address=STRANGERS[number])
    for agent in ("laptop", "phone", ""):
        assert attempt(client, person.email, person.password, agent=agent).status_code == 200


def test_a_stranger_gets_no_more_tries_by_other_agents(client: FlaskClient, person: Person) -> None:
    statuses = [
        attempt(client, person.email, agent=f"{number}", address=STRANGERS[0]).status_code
        for number in range(11)
    ]
    assert statuses == [401] * 10 + [429]


def test_tries_from_many_addresses_are_bounded_but_for_addresses_of_the_owner(
    client: FlaskClient, person: Person
) -> None:
    assert attempt(client, person.email, person.password).status_code == 200
    statuses = [attempt(client, person.email, address=one).status_code for one in STRANGERS[:101]]
    assert statuses == [401] * 100 + [429]
    elsewhere = attempt(client, person.email, person.password, address=STRANGERS[-1])
    assert elsewhere.status_code == 429
    assert attempt(client, person.email, person.password).status_code == 200


@pytest.mark.parametrize("agent", ["laptop", "phone"])
def test_whether_an_account_has_an_agent_changes_no_answer(
    client: FlaskClient, person: Person, agent: str
) -> None:
    def ask(email: str) -> list[int]:
        wrong = [attempt(client, email).status_code for _ in range(6)]
        return [*wrong, *(attempt(client, email, agent=agent).status_code for _ in range(6))]

    assert ask(person.email) == ask(f"{uuid7()}@example.org")


def test_who_shows_a_token_of_the_account_has_a_count_that_nobody_else_uses_up(
    client: FlaskClient, person: Person
) -> None:
    for number in range(11):
        attempt(client, person.email, agent=f"neighbour-{number}")
    assert attempt(client, person.email, person.password, agent="laptop").status_code == 429
    shown = {"token": person.answer["accessToken"], "agent": "laptop"}
    statuses = [attempt(client, person.email, **shown).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_a_token_of_another_account_or_of_an_ended_session_counts_for_nothing(
    client: FlaskClient, person: Person, stranger: Person
) -> None:
    client.post("/api/auth/logout", headers=person.headers)
    for number in range(11):
        attempt(client, person.email, agent=f"neighbour-{number}")
    for token in (person.answer["accessToken"], stranger.answer["accessToken"], "forged"):
        answer = attempt(client, person.email, person.password, token=token)
        assert answer.status_code == 429


def test_the_right_password_wipes_the_slate(client: FlaskClient, person: Person) -> None:
    for _ in range(3):
        statuses = [attempt(client, person.email).status_code for _ in range(4)]
        assert [*statuses, attempt(client, person.email, person.password).status_code] == [
            401
        ] * 4 + [200]


def test_while_too_many_passwords_are_checked_login_says_so_and_counts_no_try(
    app: Flask, client: FlaskClient, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = app.extensions["account_services"].passwords
    with monkeypatch.context() as patch:
        # The last slot is taken after the first check.
        patch.setattr(passwords, "check_capacity", lambda: None)
        patch.setattr(passwords, "_slots", BoundedSemaphore(1))
        assert passwords._slots.acquire()  # noqa: SLF001 - as a running hash does
        for _ in range(7):
            full = attempt(client, person.email, person.password)
            assert (full.status_code, full.get_json()["code"]) == (503, "busy")
            assert full.headers["Retry-After"] == "1"
    assert attempt(client, person.email).status_code == 401, "no try was counted"


def test_a_full_house_is_seen_before_anything_is_asked(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = app.extensions["account_services"].passwords
    monkeypatch.setattr(passwords, "_slots", BoundedSemaphore(1))
    assert passwords._slots.acquire()  # noqa: SLF001 - as a running hash does
    body = {"email": f"{uuid7()}@example.org", "password": "a long pass phrase", "publicKey": ""}
    assert client.post("/api/auth/register", json=body).status_code == 503
    assert attempt(client, body["email"]).status_code == 503


def test_a_password_is_hashed_anew_when_the_parameters_change(
    make: Make, person: Person, sessions: sessionmaker[Session]
) -> None:
    stronger = make(PASSWORD_HASH_PASSES="3").test_client()
    assert attempt(stronger, person.email, person.password).status_code == 200
    with sessions() as session:
        known = session.scalar(select(Account.password_hash).where(Account.id == person.id))
    assert "t=3" in str(known)
    assert attempt(stronger, person.email, person.password).status_code == 200


@pytest.mark.parametrize(
    "password", ["cloudapi", "CloudAPI-2026", "my cloud api", "{local}", "{local}123"]
)
def test_a_password_made_of_the_email_or_our_name_is_refused(
    client: FlaskClient, password: str
) -> None:
    local = f"somebody-{uuid7()}"
    body = {
        "email": f"{local}@example.org",
        "password": password.format(local=local),
        "publicKey": "",
    }
    answer = client.post("/api/auth/register", json=body)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/password")
    body["password"] += " and a long tail"
    assert client.post("/api/auth/register", json=body).status_code == 201


def test_without_redis_the_right_password_still_enters_and_the_wrong_one_does_not(
    make: Make, person: Person
) -> None:
    client = make(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0").test_client()
    assert attempt(client, person.email).status_code == 401
    assert attempt(client, person.email, person.password).status_code == 200
