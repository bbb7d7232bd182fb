"""Refresh tokens: rotation, and the end of the session when one is reused."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.store.accounts import RefreshSession
from tests.support.web.people import Person
from tests.support.web.sessions import attempt

pytestmark = pytest.mark.stack


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


def test_a_refresh_token_is_exchanged_once_and_its_session_goes_on(
    client: FlaskClient, person: Person
) -> None:
    first = person.answer["refreshToken"]
    second = exchange(client, first).get_json()["refreshToken"]
    assert second != first
    assert exchange(client, second).status_code == 200


def test_sixteen_exchanges_at_once_rotate_once_and_get_one_successor(
    app: Flask, person: Person
) -> None:
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


def test_a_session_bound_to_an_agent_is_refused_to_another(
    client: FlaskClient, person: Person
) -> None:
    answer = exchange(client, person.answer["refreshToken"], **{"X-Agent-ID": "phone"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "agent_mismatch")


def test_a_replay_is_recorded_once_however_often_it_comes(
    app: Flask, client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    first = person.answer["refreshToken"]
    exchange(client, first)
    age(sessions, person, timedelta(seconds=31))
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: exchange(app.test_client(), first).get_json()["code"], range(8))
        )
    assert sorted(answers) == ["refresh_invalid"] * 7 + ["refresh_reused"]
    login = attempt(client, person.email, person.password, agent="laptop").get_json()["accessToken"]
    headers = {"Authorization": f"Bearer {login}", "X-Agent-ID": "laptop"}
    events = client.get("/api/auth/audit", headers=headers).get_json()["events"]
    assert [event["kind"] for event in events] == [
        "session_started",
        "refresh_reused",
        "registered",
    ]


def test_a_refresh_needs_no_access_token_and_ignores_a_bad_one(
    client: FlaskClient, person: Person
) -> None:
    token = person.answer["refreshToken"]
    answer = exchange(client, token, Authorization="Bearer long.since.expired")
    assert answer.status_code == 200
