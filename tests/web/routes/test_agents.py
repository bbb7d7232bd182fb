"""The devices and programs of an account."""

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.support.web.people import Person
from tests.support.web.sessions import code, login

pytestmark = pytest.mark.stack


def named(client: FlaskClient, person: Person, agent_id: str = "laptop") -> Any:
    return client.get(f"/api/agents/{agent_id}", headers=person.headers)


def test_agents_are_listed_the_one_seen_last_first(client: FlaskClient, person: Person) -> None:
    login(client, person, "phone")
    found = client.get("/api/agents", headers=person.headers).get_json()["agents"]
    assert [agent["id"] for agent in found] == ["phone", "laptop"]
    assert set(found[0]) == {"id", "name", "createdAt", "lastSeenAt", "revokedAt"}


@pytest.mark.parametrize("agent_id", ["a/b", "a%2Fb", "%", "a/", "a?b#c"])
def test_an_agent_is_found_by_its_id_whatever_it_holds(
    client: FlaskClient, person: Person, agent_id: str
) -> None:
    login(client, person, agent_id)
    assert named(client, person, quote(agent_id, safe="")).get_json()["id"] == agent_id


def test_an_agent_gets_a_name_for_people(client: FlaskClient, person: Person) -> None:
    etag = named(client, person).headers["ETag"]
    answer = client.patch(
        "/api/agents/laptop",
        json={"name": "My laptop"},
        headers=person.headers | {"If-Match": etag},
    )
    assert (answer.status_code, answer.get_json()["name"]) == (200, "My laptop")
    assert answer.headers["ETag"] == named(client, person).headers["ETag"] != etag


@pytest.mark.parametrize(
    ("if_match", "status"), [(None, 428), ('"other"', 412), ('W/"other"', 412), ("*", 200)]
)
def test_a_name_is_changed_by_who_has_seen_it(
    client: FlaskClient, person: Person, if_match: str | None, status: int
) -> None:
    headers = person.headers | ({"If-Match": if_match} if if_match else {})
    assert (
        client.patch("/api/agents/laptop", json={"name": "x"}, headers=headers).status_code
        == status
    )
    assert named(client, person).get_json()["name"] == ("x" if status == 200 else None)


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "x" * 129}, {"name": 1}, {"id": "other"}]
)
def test_what_is_no_name_is_refused(client: FlaskClient, person: Person, body: Any) -> None:
    headers = person.headers | {"If-Match": "*"}
    assert client.patch("/api/agents/laptop", json=body, headers=headers).status_code == 422


def test_a_revoked_agent_is_out_at_once_and_its_id_blocked(
    client: FlaskClient, person: Person
) -> None:
    phone = login(client, person, "phone")
    assert client.delete("/api/agents/phone", headers=person.headers).status_code == 204
    assert code(client, phone) == "session_ended"
    body = {"email": person.email, "password": person.password}
    answer = client.post("/api/auth/login", json=body, headers={"X-Agent-ID": "phone"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "agent_revoked")
    assert named(client, person, "phone").get_json()["revokedAt"] is not None
    assert code(client, person.headers) is None


def test_a_strangers_agent_is_not_found(
    client: FlaskClient, person: Person, stranger: Person
) -> None:
    login(client, stranger, "phone")
    answers = [
        named(client, person, "phone"),
        client.delete("/api/agents/phone", headers=person.headers),
        client.patch(
            "/api/agents/phone", json={"name": "x"}, headers=person.headers | {"If-Match": "*"}
        ),
    ]
    assert [(answer.status_code, answer.get_json()["code"]) for answer in answers] == [
        (404, "agent_unknown")
    ] * 3


def test_an_id_of_any_visible_characters_is_reached(client: FlaskClient, person: Person) -> None:
    strange = "a//b?c#d%e/.."
    login(client, person, strange)
    path = "/api/agents/a%2F%2Fb%3Fc%23d%25e%2F.."
    assert client.get(path, headers=person.headers).get_json()["id"] == strange
