"""Second factors: enrolment, verification and removal."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine.store.accounts import Factor
from tests.support.web.authenticator import ProtectedPerson, bearing, protect, verify
from tests.support.web.people import Person
from tests.support.web.sessions import code as code_of
from tests.support.web.sessions import grow_stale, kinds, login

pytestmark = pytest.mark.stack


def test_an_app_counts_once_it_has_shown_a_code_and_ten_recovery_codes_come_with_it(
    client: FlaskClient, person: Person
) -> None:
    enrolled = client.post(
        "/api/auth/mfa/totp", json={"name": "Mine"}, headers=person.headers
    ).get_json()
    assert enrolled["uri"].startswith("otpauth://totp/")
    assert client.get("/api/auth/mfa", headers=person.headers).get_json()["factors"] == []
    path = f"/api/auth/mfa/totp/{enrolled['id']}/confirm"
    wrong = client.post(path, json={"code": "000000"}, headers=person.headers)
    assert (wrong.status_code, wrong.get_json()["code"]) == (401, "mfa_code_invalid")
    found = protect(client, person, time.time())
    assert len(set(found.recovery_codes)) == 10
    roster = client.get("/api/auth/mfa", headers=person.headers).get_json()
    assert [(factor["kind"], factor["id"]) for factor in roster["factors"]] == [
        ("totp", found.app.factor_id)
    ]
    assert roster["recoveryCodes"] == 10
    assert "factor_added" in kinds(client, person)


def test_adding_a_factor_ends_the_sessions_that_never_showed_it(
    client: FlaskClient, person: Person
) -> None:
    phone = login(client, person, "phone")
    protect(client, person, time.time())
    assert code_of(client, phone) == "session_ended"
    assert code_of(client, person.headers) is None


def test_login_then_owes_the_factor_and_its_token_opens_nothing_else(
    client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    answer = protected_person.login(client)
    body, pending = answer.get_json(), bearing(answer)
    assert (answer.status_code, body["mfaRequired"]) == (200, True)
    assert {"user", "accessToken", "refreshToken"} <= set(body)
    for method, path in [
        ("get", "/api/sync/pull"),
        ("get", "/api/auth/me"),
        ("post", "/api/auth/mfa/totp"),
        ("post", "/api/auth/mfa/recovery-codes"),
        ("delete", f"/api/auth/mfa/{protected_person.app.factor_id}"),
        ("get", "/api/workflows"),
    ]:
        refused = getattr(client, method)(path, headers=pending)
        assert (refused.status_code, refused.get_json()["code"]) == (401, "mfa_required"), path
        assert 'error="insufficient_user_authentication"' in refused.headers["WWW-Authenticate"]
    refresh = client.post("/api/auth/refresh", json={"refreshToken": body["refreshToken"]})
    assert (refresh.status_code, refresh.get_json()["code"]) == (401, "mfa_required")
    assert client.post("/api/auth/logout", json={"all": True}, headers=pending).status_code == 401
    assert client.post("/api/auth/logout", headers=pending).status_code == 204


def test_the_right_code_settles_the_session(
    client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    owed = protected_person.login(client)
    answer = verify(client, bearing(owed), protected_person.app.code(time.time()))
    assert answer.status_code == 200, answer.text
    assert "mfaRequired" not in answer.get_json()
    assert code_of(client, bearing(answer)) is None
    (mine,) = [
        session
        for session in client.get("/api/auth/sessions", headers=bearing(answer)).get_json()[
            "sessions"
        ]
        if session["current"]
    ]
    assert mine["amr"] == ["pwd", "otp", "mfa"]
    refreshed = client.post(
        "/api/auth/refresh", json={"refreshToken": owed.get_json()["refreshToken"]}
    )
    assert refreshed.status_code == 200
    assert code_of(client, bearing(owed)) == "mfa_required", "a pending access token stays one"


def test_login_with_the_code_needs_one_trip(
    client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    answer = protected_person.login(client, mfaCode=protected_person.app.code(time.time()))
    assert answer.status_code == 200, answer.text
    assert code_of(client, bearing(answer)) is None


def test_login_with_a_wrong_code_leaves_no_session(
    client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    answer = protected_person.login(client, mfaCode="000000")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "mfa_code_invalid")
    sessions = client.get("/api/auth/sessions", headers=protected_person.person.headers).get_json()[
        "sessions"
    ]
    assert [session["agentId"] for session in sessions] == ["laptop"]


def test_a_code_is_taken_once_however_many_show_it_at_once(
    app: Flask, client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    code = protected_person.app.code(time.time())
    owed = [bearing(protected_person.login(client, f"phone-{n}"), f"phone-{n}") for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda headers: verify(app.test_client(), headers, code), owed))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


def test_a_recovery_code_is_good_once_however_it_is_written(
    client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    code = protected_person.recovery_codes[0].lower().replace("-", " ").replace("0", "o")
    assert protected_person.login(client, mfaCode=code).status_code == 200
    assert protected_person.login(client, mfaCode=code).status_code == 401
    roster = client.get("/api/auth/mfa", headers=protected_person.person.headers).get_json()
    assert roster["recoveryCodes"] == 9


def test_new_recovery_codes_replace_the_old_ones(
    client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    answer = client.post("/api/auth/mfa/recovery-codes", headers=protected_person.person.headers)
    new = answer.get_json()["recoveryCodes"]
    assert len(new) == 10
    assert (
        protected_person.login(client, mfaCode=protected_person.recovery_codes[0]).status_code
        == 401
    )
    assert protected_person.login(client, mfaCode=new[0]).status_code == 200


def test_the_fifth_wrong_code_ends_the_session_that_owed_one(
    client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    pending = bearing(protected_person.login(client))
    codes = [verify(client, pending, "000000").get_json()["code"] for _ in range(5)]
    assert codes == ["mfa_code_invalid"] * 4 + ["session_ended"]
    right = verify(client, pending, protected_person.app.code(time.time()))
    assert right.get_json()["code"] == "session_ended"


def test_who_has_only_the_password_is_slowed_down_and_does_not_keep_the_owner_out(
    client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    codes = [
        protected_person.login(client, f"thief-{n}", mfaCode="000000").get_json()["code"]
        for n in range(6)
    ]
    assert codes == ["mfa_code_invalid"] * 5 + ["too_many_tries"]
    own = protected_person.login(client, "laptop", mfaCode=protected_person.app.code(time.time()))
    assert own.status_code == 200


def test_an_agent_that_logged_in_before_there_was_a_factor_has_no_tries_of_its_own(
    client: FlaskClient, person: Person
) -> None:
    for number in range(3):
        login(client, person, f"planted-{number}")
    protected_person = protect(client, person, time.time())
    codes = [
        protected_person.login(client, f"planted-{number % 3}", mfaCode="000000").get_json()["code"]
        for number in range(6)
    ]
    assert codes == ["mfa_code_invalid"] * 5 + ["too_many_tries"]
    own = protected_person.login(client, "laptop", mfaCode=protected_person.app.code(time.time()))
    assert own.status_code == 200, "the agent that enrolled the factor has proved it"


def test_removing_the_last_factor_turns_it_all_off(
    client: FlaskClient, protected_person: ProtectedPerson
) -> None:
    headers = protected_person.person.headers
    assert (
        client.delete(
            f"/api/auth/mfa/{protected_person.app.factor_id}", headers=headers
        ).status_code
        == 204
    )
    assert (
        client.delete(
            f"/api/auth/mfa/{protected_person.app.factor_id}", headers=headers
        ).status_code
        == 404
    )
    assert client.get("/api/auth/mfa", headers=headers).get_json() == {
        "factors": [],
        "recoveryCodes": 0,
    }
    assert "mfaRequired" not in protected_person.login(client).get_json()
    assert (
        client.post("/api/auth/mfa/recovery-codes", headers=headers).get_json()["code"] == "mfa_off"
    )
    assert verify(client, headers, "000000").get_json()["code"] == "mfa_off"


def test_factors_change_after_a_fresh_factor_only(
    client: FlaskClient, protected_person: ProtectedPerson, sessions: sessionmaker[Session]
) -> None:
    headers = protected_person.person.headers
    grow_stale(sessions, protected_person.person)
    refused = [
        client.post("/api/auth/mfa/totp", headers=headers),
        client.post("/api/auth/mfa/recovery-codes", headers=headers),
        client.delete(f"/api/auth/mfa/{protected_person.app.factor_id}", headers=headers),
    ]
    assert [answer.get_json()["code"] for answer in refused] == ["step_up_required"] * 3
    body = {"password": protected_person.person.password}
    by_password = client.post("/api/auth/step-up", json=body, headers=headers)
    assert (by_password.status_code, by_password.get_json()["code"]) == (409, "factor_needed")
    assert verify(client, headers, protected_person.app.code(time.time())).status_code == 200
    assert client.post("/api/auth/mfa/totp", headers=headers).status_code == 201


def test_without_a_factor_the_password_steps_up(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    grow_stale(sessions, person)
    assert client.post("/api/auth/mfa/totp", headers=person.headers).status_code == 401
    wrong = client.post(
        "/api/auth/step-up", json={"password": "not it at all"}, headers=person.headers
    )
    assert (wrong.status_code, wrong.get_json()["code"]) == (401, "credentials_invalid")
    right = client.post(
        "/api/auth/step-up", json={"password": person.password}, headers=person.headers
    )
    assert right.status_code == 200
    assert client.post("/api/auth/mfa/totp", headers=person.headers).status_code == 201


def test_a_strangers_factor_is_not_found(
    client: FlaskClient, protected_person: ProtectedPerson, stranger: Person
) -> None:
    path = f"/api/auth/mfa/{protected_person.app.factor_id}"
    assert client.delete(path, headers=stranger.headers).status_code == 404
    path = f"/api/auth/mfa/totp/{protected_person.app.factor_id}/confirm"
    assert client.post(path, json={"code": "000000"}, headers=stranger.headers).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"code": 1}, {"code": "1", "credential": {}}, {"credential": "x"}]
)
def test_what_is_no_proof_is_refused(
    client: FlaskClient, protected_person: ProtectedPerson, body: Any
) -> None:
    answer = client.post("/api/auth/mfa/verify", json=body, headers=protected_person.person.headers)
    assert answer.status_code == 422


def test_the_secret_is_not_in_the_database_in_the_clear(
    client: FlaskClient, person: Person, session: Session
) -> None:
    secret = client.post("/api/auth/mfa/totp", headers=person.headers).get_json()["secret"]
    columns = Factor.__table__.columns
    (row,) = session.execute(select(*columns).where(Factor.account_id == person.id)).all()
    assert row.kind == "totp"
    assert secret not in str(row)
    assert base64.b32decode(secret) not in base64.urlsafe_b64decode(
        row.secret.partition(".")[2] + "=="
    )
