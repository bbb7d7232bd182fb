"""Login sessions: list, logout and end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.store.accounts import RefreshSession
from tests.support.web.people import Person
from tests.support.web.sessions import code, login

pytestmark = pytest.mark.stack


def listed(client: FlaskClient, headers: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/auth/sessions", headers=headers).get_json()[
        "sessions"
    ]
    return found


def test_sessions_are_listed_with_what_their_owner_needs(
    client: FlaskClient, person: Person
) -> None:
    phone = login(client, person, "phone")
    mine, other = listed(client, phone)
    assert (mine["agentId"], mine["current"], mine["amr"], mine["pending"]) == (
        "phone",
        True,
        ["pwd"],
        False,
    )
    assert (other["agentId"], other["current"]) == ("laptop", False)


def test_logging_out_ends_this_session_alone_and_at_once(
    client: FlaskClient, person: Person
) -> None:
    phone = login(client, person, "phone")
    assert client.post("/api/auth/logout", headers=phone).status_code == 204
    assert code(client, phone) == "session_ended"
    assert [session["agentId"] for session in listed(client, person.headers)] == ["laptop"]


def test_logging_out_everywhere_ends_all(client: FlaskClient, person: Person) -> None:
    phone = login(client, person, "phone")
    assert client.post("/api/auth/logout", json={"all": True}, headers=phone).status_code == 204
    assert [code(client, headers) for headers in (phone, person.headers)] == ["session_ended"] * 2
    refresh = client.post("/api/auth/refresh", json={"refreshToken": person.answer["refreshToken"]})
    assert (refresh.status_code, refresh.get_json()["code"]) == (401, "refresh_invalid")


@pytest.mark.parametrize("body", [{"all": 1}, {"all": "yes"}, {"some": True}, []])
def test_logging_out_of_something_else_is_refused(
    client: FlaskClient, person: Person, body: Any
) -> None:
    assert client.post("/api/auth/logout", json=body, headers=person.headers).status_code == 422
    assert code(client, person.headers) is None


def test_a_session_can_be_ended_from_another(client: FlaskClient, person: Person) -> None:
    phone = login(client, person, "phone")
    (theirs,) = [found["id"] for found in listed(client, phone) if not found["current"]]
    assert client.delete(f"/api/auth/sessions/{theirs}", headers=phone).status_code == 204
    assert code(client, person.headers) == "session_ended"
    assert client.delete(f"/api/auth/sessions/{theirs}", headers=phone).status_code == 404


def test_a_strangers_session_is_not_found(
    client: FlaskClient, person: Person, stranger: Person
) -> None:
    (theirs,) = listed(client, stranger.headers)
    for session_id in (theirs["id"], uuid7()):
        answer = client.delete(f"/api/auth/sessions/{session_id}", headers=person.headers)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "session_unknown")
    assert code(client, stranger.headers) is None


def test_a_session_that_has_run_out_is_not_listed(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    phone = login(client, person, "phone")
    with sessions.begin() as session:
        laptop = (RefreshSession.account_id == person.id) & (RefreshSession.agent_id == "laptop")
        long_ago = datetime.now(UTC) - timedelta(days=8)
        session.execute(update(RefreshSession).where(laptop).values(rotated_at=long_ago))
    assert [found["agentId"] for found in listed(client, phone)] == ["phone"]


def test_others_are_put_out_after_a_fresh_proof_and_oneself_at_any_time(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    phone = login(client, person, "phone")
    with sessions.begin() as session:
        mine = RefreshSession.account_id == person.id
        long_ago = datetime.now(UTC) - timedelta(minutes=11)
        session.execute(update(RefreshSession).where(mine).values(proved_at=long_ago))
    (own,) = [found["id"] for found in listed(client, phone) if found["current"]]
    (other,) = [found["id"] for found in listed(client, phone) if not found["current"]]
    answers = [
        client.delete(f"/api/auth/sessions/{other}", headers=phone),
        client.delete("/api/agents/laptop", headers=phone),
        client.post("/api/auth/logout", json={"all": True}, headers=phone),
    ]
    assert [answer.get_json()["code"] for answer in answers] == ["step_up_required"] * 3
    assert code(client, person.headers) is None
    assert client.delete(f"/api/auth/sessions/{own}", headers=phone).status_code == 204
    assert code(client, phone) == "session_ended"
    assert client.delete("/api/agents/laptop", headers=person.headers).status_code == 204
