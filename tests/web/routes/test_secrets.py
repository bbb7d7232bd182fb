"""Secrets of workflows: put in, listed by name, never given back."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine.crypto import jwe
from engine.crypto.jwe import EngineKeys
from engine.store.accounts import Secret
from engine.workflows import secrets as engine_secrets
from tests.support.web.people import Person
from tests.support.web.sessions import grow_stale

pytestmark = pytest.mark.stack


VALUE = {"username": "ada", "password": "canary-of-a-secret"}


def put(client: FlaskClient, person: Person, name: str, value: Any, **headers: str) -> Any:
    sent = person.headers | {key.replace("_", "-"): text for key, text in headers.items()}
    return client.put(f"/api/secrets/{name}", json={"value": value}, headers=sent)


def stored(sessions: sessionmaker[Session], name: str, account_id: str) -> Secret:
    with sessions() as session:
        return session.scalars(
            select(Secret).where(Secret.name == name, Secret.account_id == account_id)
        ).one()


def test_a_plain_value_rests_sealed_to_the_engine(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session], environ: dict[str, str]
) -> None:
    answer = put(client, person, "login", VALUE)
    assert (answer.status_code, set(answer.get_json())) == (201, {"name", "createdAt", "updatedAt"})
    sealed = stored(sessions, "login", person.id).sealed or ""
    assert "canary" not in sealed
    opened = EngineKeys.parse(environ["ENGINE_PRIVATE_KEYS"]).open(
        sealed, pointer="", bytes_max=1000
    )
    assert b"canary-of-a-secret" in opened


def test_a_sealed_value_stays_as_it_came(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    published = client.get("/.well-known/jwks.json").get_json()["keys"]
    keys = jwe.parse_keys(json.dumps({"keys": [key for key in published if key["use"] == "enc"]}))
    sealed = jwe.seal(keys[0], b"1")
    assert put(client, person, "login", sealed).status_code == 201
    assert stored(sessions, "login", person.id).sealed == sealed


def test_a_secret_is_stored_after_a_fresh_proof_alone(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    grow_stale(sessions, person)
    refused = put(client, person, "login", VALUE)
    assert (refused.status_code, refused.get_json()["code"]) == (401, "step_up_required")
    body = {"password": person.password}
    assert client.post("/api/auth/step-up", json=body, headers=person.headers).status_code == 200
    etag = put(client, person, "login", VALUE).headers["ETag"]
    grow_stale(sessions, person)
    assert put(client, person, "login", 1, If_Match=etag).status_code == 401
    assert client.get("/api/secrets", headers=person.headers).status_code == 200
    assert client.delete("/api/secrets/login", headers=person.headers).status_code == 204


def test_names_and_times_are_listed_and_values_never_answered(
    client: FlaskClient, person: Person
) -> None:
    for name in ("b", "a"):
        put(client, person, name, VALUE)
    answer = client.get("/api/secrets", headers=person.headers)
    assert [secret["name"] for secret in answer.get_json()["secrets"]] == ["a", "b"]
    assert set(answer.get_json()["secrets"][0]) == {"name", "createdAt", "updatedAt"}
    assert "canary" not in answer.text + client.get("/api/secrets/a", headers=person.headers).text


@pytest.mark.parametrize(("if_match", "status"), [(None, 428), ('"other"', 412), ("*", 200)])
def test_a_secret_is_replaced_by_who_has_seen_it(
    client: FlaskClient, person: Person, if_match: str | None, status: int
) -> None:
    before = put(client, person, "a", 1).headers["ETag"]
    answer = put(client, person, "a", 2, **({"If_Match": if_match} if if_match else {}))
    assert answer.status_code == status
    now = client.get("/api/secrets/a", headers=person.headers).headers["ETag"]
    assert (now != before) == (status == 200)
    assert put(client, person, "a", 3, If_Match=now).status_code == 200


def test_what_was_deleted_meanwhile_is_not_made_anew(client: FlaskClient, person: Person) -> None:
    tag = put(client, person, "a", 1).headers["ETag"]
    assert client.delete("/api/secrets/a", headers=person.headers).status_code == 204
    assert put(client, person, "a", 2, If_Match=tag).status_code == 404
    assert client.delete("/api/secrets/a", headers=person.headers).status_code == 404


@pytest.mark.parametrize("name", ["-a", "a b", "a%2Fb", "%C3%A9", "a" * 129, "a."])
def test_a_name_must_fit_into_expressions(client: FlaskClient, person: Person, name: str) -> None:
    answer = put(client, person, name, 1)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "secret_name_invalid")


def test_a_value_may_have_64_kib(client: FlaskClient, person: Person) -> None:
    assert put(client, person, "a", "x" * 65_534).status_code == 201
    answer = put(client, person, "b", "x" * 65_535)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "secret_too_large")


@pytest.mark.parametrize(
    "value", [[*range(1001)], json.loads("[" * 40 + "]" * 40)], ids=["many", "deep"]
)
def test_a_value_holds_no_more_than_can_be_looked_for(
    client: FlaskClient, person: Person, value: Any
) -> None:
    answer = put(client, person, "login", value)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "secret_too_large")


def test_an_account_has_so_many_and_no_more(
    client: FlaskClient, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_secrets, "COUNT_MAX", 2)
    assert [put(client, person, name, 1).status_code for name in "abc"] == [201, 201, 409]
    assert put(client, person, "a", 2, If_Match="*").status_code == 200


def test_changes_stand_in_the_trail_and_names_in_the_export(
    client: FlaskClient, person: Person
) -> None:
    put(client, person, "mine", VALUE)
    client.delete("/api/secrets/mine", headers=person.headers)
    put(client, person, "other", VALUE)
    trail = client.get("/api/auth/audit", headers=person.headers).get_json()["events"]
    kinds = [event["kind"] for event in trail]
    assert (kinds.count("secret_changed"), kinds.count("secret_deleted")) == (2, 1)
    lines = [
        json.loads(line)
        for line in client.post("/api/auth/export", headers=person.headers).text.splitlines()
    ]
    (found,) = [line["value"] for line in lines if line["kind"] == "secret"]
    assert set(found) == {"id", "name", "createdAt", "updatedAt"}


@pytest.mark.parametrize("body", ['{"value": "\\ud800"}', '{"value": [{"\\udfff": 1}]}'])
def test_a_value_is_text_that_can_be_written(
    client: FlaskClient, person: Person, body: str
) -> None:
    sent = {"data": body, "content_type": "application/json", "headers": person.headers}
    answer = client.put("/api/secrets/login", **sent)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/value")


def test_whole_numbers_past_64_bits_are_kept_as_doubles(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session], environ: dict[str, str]
) -> None:
    assert put(client, person, "login", [2**64 - 1, 2**64, -(2**63) - 1]).status_code == 201
    sealed = stored(sessions, "login", person.id).sealed or ""
    opened = EngineKeys.parse(environ["ENGINE_PRIVATE_KEYS"]).open(
        sealed, pointer="", bytes_max=1000
    )
    assert opened == b"[18446744073709551615,1.8446744073709552e+19,-9.223372036854776e+18]"
