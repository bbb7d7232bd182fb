"""`Idempotency-Key`: the same request twice does its work once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from bin.devtools.stack.client import Client
from engine.accounts.idempotency import IdempotentRequest, claim
from engine.store.accounts import IdempotencyKey
from engine.store.workflows import Definition
from tests.support.web.people import Person
from tests.support.web.workflows import DRAFT, create

Create = Callable[..., Any]


def count(session: Session, person: Person) -> int:
    return session.scalar(select(func.count()).where(Definition.account_id == person.id)) or 0


@pytest.mark.stack
def test_the_same_request_again_answers_what_it_made_before(
    client: FlaskClient, person: Person, session: Session
) -> None:
    first, second = create(client, person, "k"), create(client, person, "k")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json()["workflow"]["id"] == second.get_json()["workflow"]["id"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.headers["Location"] == second.headers["Location"]
    assert count(session, person) == 1


@pytest.mark.stack
def test_without_a_key_or_with_another_there_are_two(
    client: FlaskClient, person: Person, session: Session
) -> None:
    for key in (None, None, "a", "b"):
        create(client, person, key)
    assert count(session, person) == 4


@pytest.mark.stack
def test_a_key_that_came_with_another_request_is_refused(
    client: FlaskClient, person: Person
) -> None:
    made = create(client, person, "k").get_json()["workflow"]["id"]
    other = create(client, person, "k", name="another")
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_key_reused")
    headers = person.headers | {"Idempotency-Key": "k"}
    elsewhere = client.post(f"/api/workflows/{made}/execute", json=DRAFT, headers=headers)
    assert elsewhere.status_code == 422


@pytest.mark.stack
def test_keys_are_each_accounts_own(client: FlaskClient, person: Person, stranger: Person) -> None:
    answers = [create(client, who, "k").get_json()["workflow"]["id"] for who in (person, stranger)]
    assert answers[0] != answers[1]


@pytest.mark.stack
def test_of_many_at_once_one_makes_it(app: Flask, person: Person, session: Session) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(app.test_client(), person, "k"), range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert (
        len(
            {answer.get_json()["workflow"]["id"] for answer in answers if answer.status_code == 201}
        )
        == 1
    )
    assert count(session, person) == 1


@pytest.mark.stack
def test_while_the_first_is_under_way_the_second_is_told_so(
    client: FlaskClient, person: Person, session: Session
) -> None:
    claim(session, IdempotentRequest(person.id, "k", ""), now=datetime.now(UTC))  # type: ignore[arg-type] # a UUID's text
    answer = create(client, person, "k")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "idempotency_in_flight")


@pytest.mark.stack
def test_a_key_is_forgotten_after_a_day(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    first = create(client, person, "k").get_json()["workflow"]["id"]
    with sessions.begin() as session:
        mine = IdempotencyKey.account_id == person.id
        yesterday = datetime.now(UTC) - timedelta(hours=25)
        session.execute(update(IdempotencyKey).where(mine).values(created_at=yesterday))
    assert create(client, person, "k", name="another").get_json()["workflow"]["id"] != first


@pytest.mark.stack
def test_what_was_refused_holds_no_key(client: FlaskClient, person: Person) -> None:
    assert create(client, person, "k", name="").status_code == 422
    assert create(client, person, "k").status_code == 201


@pytest.mark.stack
@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_what_is_no_key_is_refused(client: FlaskClient, person: Person, key: str) -> None:
    answer = create(client, person, key)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "idempotency_key_malformed")


@pytest.mark.platform
def test_an_execution_is_started_once_and_its_end_told_each_time(laptop: Client) -> None:
    document = (
        "document: {dsl: 1.0.0, namespace: n, name: w, version: 1.0.0}\ndo: [{a: {set: {x: 1}}}]"
    )
    workflow = laptop.create_workflow("w", document)
    headers = {"Idempotency-Key": "run", "Prefer": "wait=20"}
    path = f"/api/workflows/{workflow['id']}/execute"
    first, second = (
        laptop.request("POST", path, json={"input": {}}, headers=headers) for _ in range(2)
    )
    assert first["status"] == "completed"
    assert second == first
