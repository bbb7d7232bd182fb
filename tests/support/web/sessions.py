"""Sessions of an account: logins, their age and their audit events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from engine.store.accounts import RefreshSession
from tests.support.web.people import Person


def login(client: FlaskClient, person: Person, agent_id: str) -> dict[str, str]:
    """Log in from another agent; return its headers."""
    body = {"email": person.email, "password": person.password}
    answer = client.post("/api/auth/login", json=body, headers={"X-Agent-ID": agent_id})
    return {"Authorization": f"Bearer {answer.get_json()['accessToken']}", "X-Agent-ID": agent_id}


def code(client: FlaskClient, headers: dict[str, str]) -> Any:
    return client.get("/api/auth/me", headers=headers).get_json().get("code")


def grow_stale(sessions: sessionmaker[Session], person: Person) -> None:
    """Set the person's last proof of identity before the time that step-up requires."""
    with sessions.begin() as session:
        long_ago = datetime.now(UTC) - timedelta(minutes=11)
        mine = RefreshSession.account_id == person.id
        session.execute(update(RefreshSession).where(mine).values(proved_at=long_ago))


def kinds(client: FlaskClient, person: Person, **query: Any) -> list[str]:
    answer = client.get("/api/auth/audit", query_string=query, headers=person.headers)
    return [event["kind"] for event in answer.get_json()["events"]]


WRONG = "wrong pass phrase"


def attempt(
    client: FlaskClient,
    email: str,
    password: str = WRONG,
    *,
    agent: str = "",
    address: str = "127.0.0.1",
    token: str = "",
) -> Any:
    """Try to log in from an agent and an address, and with an access token of before."""
    headers = {"X-Agent-ID": agent} if agent else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    return client.post(
        "/api/auth/login",
        json={"email": email, "password": password},
        headers=headers,
        environ_overrides={"REMOTE_ADDR": address},
    )
