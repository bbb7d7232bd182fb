"""One state and its past, what an account holds in all, and what a client remembers."""

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from engine.contracts import timestamps
from tests.support.web.people import Make, Person
from tests.support.web.sync import pull, push

pytestmark = pytest.mark.stack


def get(client: FlaskClient, person: Person, path: str, **headers: str) -> Any:
    sent = person.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(f"/api/sync/{path}", headers=sent)


def test_a_state_is_read_with_its_siblings(client: FlaskClient, person: Person) -> None:
    push(client, person)
    push(client, person, encryptedData="beside", vectorClock={"phone": 1})
    found = get(client, person, "states/settings/theme").get_json()
    assert found == pull(client, person).get_json()["states"][0]
    assert [one["encryptedData"] for one in found["siblings"]] == ["beside"]


def test_what_waits_to_be_merged_is_named_until_it_is(
    client: FlaskClient, person: Person, stranger: Person
) -> None:
    for entity in ("second", "first", "plain"):
        push(client, person, entityId=entity)
    for entity, agents in (("first", ["phone", "tablet"]), ("second", ["phone"])):
        for agent in agents:
            push(client, person, entityId=entity, encryptedData=agent, vectorClock={agent: 1})

    def waiting(query: str = "") -> Any:
        answer = get(client, person, f"conflicts{query}").get_json()
        return [(one["entityId"], one["siblings"]) for one in answer["conflicts"]], answer[
            "hasMore"
        ]

    assert waiting() == ([("first", 2), ("second", 1)], False)
    assert waiting("?limit=1") == ([("first", 2)], True)
    assert get(client, stranger, "conflicts").get_json() == {"conflicts": [], "hasMore": False}
    push(client, person, entityId="first", vectorClock={"laptop": 2, "phone": 1, "tablet": 1})
    assert waiting() == ([("second", 1)], False)


def test_a_state_that_is_known_is_not_sent_again(client: FlaskClient, person: Person) -> None:
    push(client, person)
    tag = get(client, person, "states/settings/theme").headers["ETag"]
    again = get(client, person, "states/settings/theme", If_None_Match=f'"other", {tag}')
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    push(client, person, encryptedData="beside", vectorClock={"phone": 1})
    told = get(client, person, "states/settings/theme", If_None_Match=tag)
    assert told.status_code == 200
    push(client, person, vectorClock={"laptop": 2, "phone": 1})
    assert (
        get(client, person, "states/settings/theme", If_None_Match=told.headers["ETag"]).status_code
        == 200
    )


@pytest.mark.parametrize("entity_id", ["a/history", "history", "%2F", "ü ?#", "."])
def test_a_state_is_found_by_its_id_whatever_it_holds(
    client: FlaskClient, person: Person, entity_id: str
) -> None:
    push(client, person, entityId=entity_id)
    path = f"states/settings/{quote(entity_id, safe='')}"
    assert get(client, person, path).get_json()["entityId"] == entity_id
    assert len(get(client, person, f"{path}/history").get_json()["versions"]) == 1


def test_history_is_read_the_newest_version_first(client: FlaskClient, person: Person) -> None:
    for count in range(1, 4):
        push(
            client,
            person,
            encryptedData=str(count),
            vectorClock={"laptop": count},
            version=f"v{count}",
        )
    versions = get(client, person, "states/settings/theme/history").get_json()["versions"]
    assert [(one["encryptedData"], one["version"], one["vectorClock"]) for one in versions] == [
        (str(count), f"v{count}", {"laptop": count}) for count in (3, 2, 1)
    ]
    assert [one["updatedAt"] for one in versions] == sorted(
        (one["updatedAt"] for one in versions), reverse=True
    )
    assert (
        len(get(client, person, "states/settings/theme/history?limit=2").get_json()["versions"])
        == 2
    )


@pytest.mark.parametrize(
    "path", ["states/settings/none", "states/other/theme", "states/settings/none/history"]
)
def test_what_is_not_there_is_not_found(client: FlaskClient, person: Person, path: str) -> None:
    push(client, person)
    answer = get(client, person, path)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "state_unknown")


@pytest.mark.parametrize("path", ["states/settings/theme", "states/settings/theme/history"])
def test_another_accounts_state_is_not_found(
    client: FlaskClient, person: Person, stranger: Person, path: str
) -> None:
    push(client, person)
    assert get(client, stranger, path).status_code == 404


def test_limits_are_told(make: Make, person: Person) -> None:
    told = get(make(STATE_BYTES_MAX="77").test_client(), person, "limits").get_json()
    assert (told["stateBytes"], told["batchChanges"], told["pullStates"]) == (77, 100, 500)
    assert set(told) >= {
        "bodyBytes",
        "pullBytes",
        "conflictBytes",
        "historyVersions",
        "quotaBytes",
        "requestsPerMinute",
        "streams",
    }


def test_usage_is_told(client: FlaskClient, person: Person) -> None:
    push(client, person, encryptedData="12345")
    told = get(client, person, "usage").get_json()
    assert (told["states"], told["bytes"], told["quotaBytes"]) == (1, 5, 2**30)
    assert told["storedBytes"] > 512


def test_a_digest_says_what_is_held_and_where_the_account_stands(
    client: FlaskClient, person: Person
) -> None:
    assert get(client, person, "digest").get_json() == {"types": {}, "syncHead": None}
    push(client, person)
    push(client, person, type="workflow")
    answer = get(client, person, "digest")
    told = answer.get_json()
    assert {kind: found["count"] for kind, found in told["types"].items()} == {
        "settings": 1,
        "workflow": 1,
    }
    assert (
        answer.headers["X-Sync-Head"]
        == told["syncHead"]
        == pull(client, person).get_json()["syncHead"]
    )


def test_the_chain_leads_from_its_beginning_to_the_head(
    client: FlaskClient, person: Person
) -> None:
    for count in range(1, 4):
        push(client, person, vectorClock={"laptop": count})
    first = get(client, person, "chain?limit=2").get_json()
    assert (len(first["links"]), first["hasMore"], len(first["genesis"])) == (2, True, 64)
    (last,) = get(client, person, f"chain?since={first['links'][-1]['updatedAt']}").get_json()[
        "links"
    ]
    assert f"{last['updatedAt']}/{last['link']}" == pull(client, person).get_json()["syncHead"]


def test_a_server_that_was_rolled_back_is_caught(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    push(client, person)
    before = pull(client, person).headers["X-Sync-Head"]
    push(client, person, vectorClock={"laptop": 2}, encryptedData="to be forgotten")
    known = pull(client, person).headers["X-Sync-Head"]
    for path in ("pull", "digest", "usage"):
        assert get(client, person, path, X_Sync_Head=known).status_code == 200
    _roll_back(sessions, person, before)
    for path in ("pull", "digest", "states/settings/theme"):
        refused = get(client, person, path, X_Sync_Head=known)
        problem = refused.get_json()
        assert (refused.status_code, problem["code"], problem["syncHead"]) == (
            409,
            "fork_detected",
            before,
        )
    headers = person.headers | {"X-Sync-Head": known}
    body = {
        "type": "settings",
        "entityId": "x",
        "encryptedData": "",
        "version": "",
        "vectorClock": {"laptop": 9},
    }
    assert (
        client.post("/api/sync/push", json=body, headers=headers).get_json()["code"]
        == "fork_detected"
    )
    assert get(client, person, "pull", X_Sync_Head=before).status_code == 200
    assert get(client, person, "pull", X_Sync_Head="yesterday").status_code == 422


def _roll_back(sessions: sessionmaker[Session], person: Person, head: str) -> None:
    """Put the account back to where it stood before its last change, as a restored backup would."""
    updated_at, link = head.split("/")
    stamp = timestamps.parse(updated_at, "")
    values = {"id": person.id, "stamp": stamp, "link": bytes.fromhex(link)}
    delete_changes = "DELETE FROM sync_changes WHERE account_id = :id AND stamp > :stamp"
    move_head = "UPDATE sync_heads SET stamp = :stamp, link = :link WHERE account_id = :id"
    with sessions.begin() as session:
        for statement in (delete_changes, move_head):
            session.execute(text(statement), values)
