"""The account: read, change after a step-up, and audit log."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, sessionmaker

from tests.support.web.people import Person
from tests.support.web.sessions import code, grow_stale, kinds, login

pytestmark = pytest.mark.stack


NEW = "another pass phrase"


def change(client: FlaskClient, person: Person, **body: str) -> Any:
    return client.patch("/api/auth/me", json=body, headers=person.headers | {"If-Match": "*"})


def test_an_account_sees_itself(client: FlaskClient, person: Person) -> None:
    me = client.get("/api/auth/me", headers=person.headers).get_json()
    assert me["id"] == person.id
    assert set(me) == {"id", "email", "publicKey", "createdAt", "publicKeyProvedAt"}


def test_a_new_password_ends_the_other_sessions_and_is_the_only_one(
    client: FlaskClient, person: Person
) -> None:
    phone = login(client, person, "phone")
    answer = change(client, person, password=NEW, currentPassword=person.password)
    assert answer.status_code == 200, answer.text
    assert code(client, phone) == "session_ended"
    assert code(client, person.headers) is None
    statuses = [
        client.post(
            "/api/auth/login", json={"email": person.email, "password": password}
        ).status_code
        for password in (person.password, NEW)
    ]
    assert statuses == [401, 200]
    assert "password_changed" in kinds(client, person)


def test_a_new_password_needs_the_old_one(client: FlaskClient, person: Person) -> None:
    answer = change(client, person, password=NEW, currentPassword="not it at all")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "credentials_invalid")
    assert change(client, person, password=NEW).status_code == 422
    common = change(client, person, password="Password1", currentPassword=person.password)
    assert (common.status_code, common.get_json()["errors"][0]["pointer"]) == (422, "/password")


def test_a_new_public_key_replaces_the_old_one(client: FlaskClient, person: Person) -> None:
    answer = change(client, person, publicKey="another")
    assert (answer.status_code, answer.get_json()["publicKey"]) == (200, "another")
    assert "public_key_changed" in kinds(client, person)


def test_a_change_needs_a_fresh_proof_and_what_it_was_made_from(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    body = {"publicKey": "another"}
    headers = [person.headers, person.headers | {"If-Match": '"other"'}]
    statuses = [
        client.patch("/api/auth/me", json=body, headers=sent).status_code for sent in headers
    ]
    assert statuses == [428, 412]
    grow_stale(sessions, person)
    answer = change(client, person, **body)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "step_up_required")
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert "max_age=600" in challenge


@pytest.mark.parametrize(
    "body", [{}, {"email": "b@example.org"}, {"publicKey": 1}, {"currentPassword": "x"}]
)
def test_a_change_of_nothing_or_of_something_else_is_refused(
    client: FlaskClient, person: Person, body: Any
) -> None:
    headers = person.headers | {"If-Match": "*"}
    assert client.patch("/api/auth/me", json=body, headers=headers).status_code == 422


def test_the_trail_is_paged_newest_first_and_is_the_accounts_own(
    client: FlaskClient, person: Person, stranger: Person
) -> None:
    change(client, person, publicKey="another")
    page = client.get("/api/auth/audit?limit=1", headers=person.headers).get_json()
    assert ([event["kind"] for event in page["events"]], page["hasMore"]) == (
        ["public_key_changed"],
        True,
    )
    assert kinds(client, person, before=page["events"][-1]["id"]) == ["registered"]
    assert kinds(client, stranger) == ["registered"]
