"""Export and deletion of an account."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from engine.accounts import export
from engine.errors import UnauthenticatedError
from engine.store.declarative import Base
from engine.store.outbox import OutboxMessage
from tests.support.web.people import Person
from tests.support.web.sessions import grow_stale
from tests.support.web.workflows import create

pytestmark = pytest.mark.stack


HOOK = {"kind": "webhook", "url": "https://hooks.example.org/mine"}


def push(client: FlaskClient, person: Person, agent: str, clock: dict[str, int]) -> Any:
    body = {"type": "settings", "entityId": "theme", "encryptedData": f"by {agent}", "version": "1"}
    return client.post("/api/sync/push", json=body | {"vectorClock": clock}, headers=person.headers)


def hook(client: FlaskClient, person: Person) -> None:
    assert client.post("/api/channels", json=HOOK, headers=person.headers).status_code == 201


def exported(client: FlaskClient, person: Person) -> list[dict[str, Any]]:
    answer = client.post("/api/auth/export", headers=person.headers)
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def row_name(item: dict[str, Any]) -> tuple[str, ...]:
    """Return the kind and the members that identify a row."""
    value = item["value"]
    names = ("id", "definitionId", "type", "entityId", "version", "updatedAt", "createdAt")
    return item["kind"], *(str(value.get(name)) for name in names)


def test_an_export_has_everything_but_our_own_secrets(
    client: FlaskClient, person: Person, stranger: Person
) -> None:
    push(client, person, "laptop", {"laptop": 1})
    push(client, person, "phone", {"phone": 1})
    create(client, person, None)
    create(client, stranger, None)
    client.post("/api/auth/mfa/totp", headers=person.headers)
    hook(client, person)
    items = exported(client, person)
    assert [item["kind"] for item in items] == [
        "account",
        "agent",
        "channel",
        "session",
        "factor",
        "auditEvent",
        "auditEvent",
        "state",
        "sibling",
        "change",
        "workflow",
        "workflowVersion",
    ]
    by_kind = {item["kind"]: item["value"] for item in items}
    assert by_kind["account"] | {"createdAt": ""} == {
        "id": person.id,
        "email": person.email,
        "publicKey": "mine",
        "createdAt": "",
        "keyProvedAt": None,
    }
    assert (by_kind["state"]["encryptedData"], by_kind["state"]["vectorClock"]) == (
        "by laptop",
        {"laptop": 1},
    )
    assert by_kind["sibling"]["vectorClock"] == {"phone": 1}
    assert by_kind["workflow"]["encryptedData"] == "not sealed"
    assert "secret" not in by_kind["factor"]
    assert (by_kind["channel"]["endpoint"], by_kind["channel"]["lastStamp"]) == (HOOK["url"], None)
    assert not [
        name for name in by_kind["channel"] if "ecret" in name and name != "secretBeforeUntil"
    ]
    assert stranger.id not in json.dumps(items)


def test_an_export_of_many_pages_has_each_row_once(
    client: FlaskClient, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        push(client, person, f"agent-{number}", {f"agent-{number}": 1})
        create(client, person, None)
    rows = [row_name(item) for item in exported(client, person)]
    assert len(set(rows)) == len(rows)
    for bound in ("PAGE_ROWS", "PAGE_BYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(export, bound, 2)
            assert [row_name(item) for item in exported(client, person)] == rows


def test_an_account_has_one_export_at_once(
    client: FlaskClient, person: Person, stranger: Person
) -> None:
    # Flask would give requests of this thread the context of the export under way.
    with ThreadPoolExecutor(1) as elsewhere:
        first = client.post("/api/auth/export", headers=person.headers)
        assert next(first.iter_encoded()).startswith(b'{"kind":"account"')
        second = elsewhere.submit(client.post, "/api/auth/export", headers=person.headers).result()
        assert (second.status_code, second.get_json()["code"]) == (429, "export_running")
        assert int(second.headers["Retry-After"]) > 0
        assert elsewhere.submit(exported, client, stranger).result()
        first.close()
        assert elsewhere.submit(exported, client, person).result()


def test_an_export_breaks_off_with_its_session(
    client: FlaskClient, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE_BYTES", 1)
    with ThreadPoolExecutor(1) as elsewhere:
        answer = client.post("/api/auth/export", headers=person.headers)
        lines = answer.iter_encoded()
        assert next(lines)
        logout = elsewhere.submit(client.post, "/api/auth/logout", headers=person.headers).result()
        assert logout.status_code < 300
        with pytest.raises(UnauthenticatedError):
            list(lines)
        answer.close()


def test_leaving_deletes_every_row_of_the_account_and_no_other(
    client: FlaskClient, person: Person, stranger: Person, sessions: sessionmaker[Session]
) -> None:
    for who in (person, stranger):
        push(client, who, "laptop", {"laptop": 1})
        create(client, who, "k")
        client.post("/api/auth/mfa/totp", headers=who.headers)
        hook(client, who)
    assert client.delete("/api/auth/me", headers=person.headers).status_code == 204
    with sessions() as session:
        for table in Base.metadata.sorted_tables:
            if "account_id" in table.columns and table is not OutboxMessage.__table__:
                mine = select(func.count()).where(table.c.account_id == person.id)
                assert session.scalar(mine) == 0, table.name
    refused = client.get("/api/auth/me", headers=person.headers)
    assert (refused.status_code, refused.get_json()["code"]) == (401, "session_ended")
    again = {"email": person.email, "password": person.password, "publicKey": "mine"}
    assert client.post("/api/auth/register", json=again).status_code == 201
    assert {item["kind"] for item in exported(client, stranger)} >= {"state", "workflow", "factor"}


def test_both_need_a_fresh_proof(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    grow_stale(sessions, person)
    answers = [
        client.post("/api/auth/export", headers=person.headers),
        client.delete("/api/auth/me", headers=person.headers),
    ]
    assert [answer.get_json()["code"] for answer in answers] == ["step_up_required"] * 2
    assert client.get("/api/auth/me", headers=person.headers).status_code == 200
