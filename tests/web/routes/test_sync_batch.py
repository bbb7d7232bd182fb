from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.web.people import Make, Person
from tests.support.web.sync import PUSH, pull, push

pytestmark = pytest.mark.stack


def batch(client: FlaskClient, person: Person, *changes: dict[str, Any], **options: Any) -> Any:
    body = {"changes": [PUSH | change for change in changes]} | options
    return client.post("/api/sync/batch", json=body, headers=person.headers)


def test_each_change_is_answered_as_a_push_of_its_own(client: FlaskClient, person: Person) -> None:
    push(client, person, encryptedData="current")
    beside = {"encryptedData": "beside", "vectorClock": {"phone": 1}, "version": "2"}
    answer = batch(
        client, person, {"entityId": "new"}, beside, {"entityId": "big", "deleted": True} | beside
    )
    assert (answer.status_code, answer.get_json()["errors"]) == (
        422,
        [{"pointer": "/changes/2/encryptedData", "detail": "A tombstone has no data."}],
    )
    answer = batch(client, person, {"entityId": "new"}, beside)
    assert answer.status_code == 200
    first, second = answer.get_json()["results"]
    assert first == {"success": True, "version": "1"}
    assert (second["success"], second["version"], second["status"], second["code"]) == (
        False,
        "1",
        409,
        "conflict",
    )
    assert second["current"]["encryptedData"] == "current"
    assert [one["encryptedData"] for one in second["siblings"]] == ["beside"]
    assert [state["entityId"] for state in pull(client, person).get_json()["states"]] == [
        "theme",
        "new",
    ]


def test_an_atomic_batch_is_written_whole_or_not_at_all(
    client: FlaskClient, person: Person
) -> None:
    push(client, person, encryptedData="current")
    beside = {"encryptedData": "beside", "vectorClock": {"phone": 1}}
    refused = batch(client, person, {"entityId": "new"}, beside, atomic=True)
    problem = refused.get_json()
    assert (refused.status_code, problem["code"]) == (409, "batch_refused")
    assert [result["success"] for result in problem["results"]] == [True, False]
    (state,) = pull(client, person).get_json()["states"]
    assert (state["entityId"], state["siblings"]) == ("theme", [])
    accepted = batch(
        client, person, {"entityId": "new"}, {"vectorClock": {"laptop": 2}}, atomic=True
    )
    assert accepted.status_code == 200
    assert len(pull(client, person).get_json()["states"]) == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"changes": []}, "/changes"),
        ({"changes": 101 * [PUSH]}, "/changes"),
        ({"changes": [PUSH | {"extra": 1}]}, "/changes/0/extra"),
        ({"changes": [PUSH, PUSH | {"vectorClock": {"a": -1}}]}, "/changes/1/vectorClock/a"),
        ({"changes": [PUSH], "atomic": 1}, "/atomic"),
        ({}, "/changes"),
    ],
)
def test_a_bad_batch_is_refused_whole_by_its_pointer(
    client: FlaskClient, person: Person, body: dict[str, Any], pointer: str
) -> None:
    answer = client.post("/api/sync/batch", json=body, headers=person.headers)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.get_json()["errors"]]
    assert pull(client, person).get_json()["states"] == []


def test_a_full_account_takes_what_does_not_grow_it(make: Make, person: Person) -> None:
    small = make(SYNC_QUOTA_BYTES="2000").test_client()
    assert push(small, person, encryptedData=1000 * "x").status_code == 200
    refused = push(small, person, entityId="more", encryptedData="x")
    problem = refused.get_json()
    assert (refused.status_code, problem["code"], problem["quota"]) == (403, "quota_exceeded", 2000)
    usage = small.get("/api/sync/usage", headers=person.headers).get_json()
    assert 1500 < problem["bytes"] == usage["storedBytes"] <= 2000
    (result,) = batch(small, person, {"entityId": "more"}).get_json()["results"]
    assert (result["success"], result["status"], result["code"]) == (False, 403, "quota_exceeded")
    assert push(small, person, encryptedData="", vectorClock={"laptop": 2}).status_code == 200


def test_an_answer_has_room_for_so_many_conflicts_and_names_the_others(
    client: FlaskClient, person: Person
) -> None:
    push(client, person, encryptedData=1_000_000 * "x", vectorClock={"laptop": 1})
    late = [{"encryptedData": "", "vectorClock": {f"late-{n}": 1}} for n in range(100)]
    answer = batch(client, person, *late)
    assert len(answer.data) < 9_000_000
    results = answer.get_json()["results"]
    assert {result["code"] for result in results} == {"conflict"}
    omitted = [result for result in results if result.get("currentOmitted")]
    assert len(omitted) == 92
    assert all("current" not in result and "siblings" not in result for result in omitted)
    assert {result["version"] for result in results} == {PUSH["version"]}
    state = client.get("/api/sync/states/settings/theme", headers=person.headers).get_json()
    assert (len(state["encryptedData"]), len(state["siblings"])) == (1_000_000, 8)


def test_a_pull_counts_siblings_as_well(client: FlaskClient, person: Person) -> None:
    for entity in range(3):
        place = {"entityId": f"{entity}", "encryptedData": 1_000_000 * "x"}
        push(client, person, **place, vectorClock={"laptop": entity + 1})
        for number in range(4):
            push(client, person, **place, vectorClock={f"late-{entity}-{number}": 1})
    page = pull(client, person).get_json()
    assert (len(page["states"]), page["hasMore"]) == (1, True)
    assert len(page["states"][0]["siblings"]) == 4


@pytest.mark.parametrize(
    "body",
    [
        {"changes": 1_000_000 * [{}]},
        {f"member-{number}": 0 for number in range(200_000)},
        {"changes": [PUSH | {f"member-{number}": 0 for number in range(1_000)}]},
        {"changes": 99 * [{}]},
    ],
    ids=["many changes", "many members", "many members of a change", "many faults"],
)
def test_what_a_body_has_too_much_of_is_refused_by_few_errors(
    client: FlaskClient, person: Person, body: dict[str, Any]
) -> None:
    answer = client.post("/api/sync/batch", json=body, headers=person.headers)
    assert answer.status_code == 422
    assert len(answer.get_json()["errors"]) <= 100
    assert len(answer.data) < 20_000
