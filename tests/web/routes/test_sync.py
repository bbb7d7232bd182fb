from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.web.people import Make, Person
from tests.support.web.sync import pull, push

pytestmark = pytest.mark.stack


def test_what_is_pushed_is_pulled_byte_for_byte(client: FlaskClient, person: Person) -> None:
    answer = push(client, person, encryptedData="é\u2028\\n\U0001f600")
    assert (answer.status_code, answer.get_json()) == (200, {"success": True, "version": "1"})
    page = pull(client, person).get_json()
    (state,) = page["states"]
    assert state["encryptedData"] == "é\u2028\\n\U0001f600"
    assert (state["vectorClock"], state["agentId"]) == ({"laptop": 1}, "laptop")
    assert (page["hasMore"], page["cursor"]) == (False, state["updatedAt"])


def test_a_refused_push_keeps_the_documented_fields(client: FlaskClient, person: Person) -> None:
    push(client, person)
    answer = push(client, person, encryptedData="other", version="2")
    problem = answer.get_json()
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert (problem["success"], problem["version"], problem["code"]) == (False, "1", "clock_reused")


def test_another_accounts_states_are_not_seen(
    client: FlaskClient, person: Person, stranger: Person
) -> None:
    push(client, person)
    assert pull(client, stranger).get_json()["states"] == []


def test_pages_follow_each_other_by_updated_at(client: FlaskClient, person: Person) -> None:
    for number in range(5):
        push(client, person, entityId=str(number), vectorClock={"laptop": 1})
    first = pull(client, person, "?limit=2").get_json()
    assert (len(first["states"]), first["hasMore"]) == (2, True)
    second = pull(client, person, f"?limit=3&since={first['states'][-1]['updatedAt']}").get_json()
    assert [state["entityId"] for state in second["states"]] == ["2", "3", "4"]
    assert second["hasMore"] is False


def test_a_page_ends_before_its_bytes_do_and_never_stands_still(
    client: FlaskClient, person: Person
) -> None:
    for number in range(10):
        push(client, person, entityId=str(number), encryptedData="x" * 1_000_000)
    page = pull(client, person).get_json()
    assert (len(page["states"]), page["hasMore"]) == (8, True)
    rest = pull(client, person, f"?since={page['cursor']}").get_json()
    assert (len(rest["states"]), rest["hasMore"]) == (2, False)


def test_own_writes_and_other_types_can_be_left_out_while_the_cursor_goes_on(
    client: FlaskClient, person: Person
) -> None:
    push(client, person)
    for query in ("?excludeSelf=1", "?type=workflow"):
        page = pull(client, person, query).get_json()
        assert page["states"] == []
        assert page["cursor"] == page["head"]


def test_a_cursor_ahead_of_the_server_says_so(client: FlaskClient, person: Person) -> None:
    push(client, person)
    answer = pull(client, person, "?since=2999-01-01T00:00:00Z")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "resync_required")


BAD_PUSHES: list[tuple[dict[str, Any], int, str]] = [
    ({"type": "secrets"}, 422, "/type"),
    ({"entityId": ""}, 422, "/entityId"),
    ({"entityId": "x" * 257}, 422, "/entityId"),
    ({"entityId": "a\0b"}, 422, "/entityId"),
    ({"entityId": 7}, 422, "/entityId"),
    ({"version": None}, 422, "/version"),
    ({"encryptedData": {"a": 1}}, 422, "/encryptedData"),
    ({"vectorClock": {}}, 422, "/vectorClock"),
    ({"vectorClock": {"laptop": -1}}, 422, "/vectorClock/laptop"),
    ({"vectorClock": None}, 422, "/vectorClock"),
    ({"extra": 1}, 422, "/extra"),
]


@pytest.mark.parametrize(("changes", "status", "pointer"), BAD_PUSHES)
def test_a_bad_push_is_refused_by_its_pointer_and_stores_nothing(
    client: FlaskClient, person: Person, changes: dict[str, Any], status: int, pointer: str
) -> None:
    answer = push(client, person, **changes)
    assert answer.status_code == status
    assert pointer in [error["pointer"] for error in answer.get_json()["errors"]]
    assert pull(client, person).get_json()["states"] == []


def test_an_oversized_state_is_too_large(client: FlaskClient, person: Person) -> None:
    answer = push(client, person, encryptedData="x" * 1_048_577)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "state_too_large")


@pytest.mark.parametrize(
    "query",
    ["?limit=0", "?limit=501", "?limit=x", "?since=yesterday", "?type=x", "?excludeSelf=2", "?a=1"],
)
def test_a_bad_query_is_refused(client: FlaskClient, person: Person, query: str) -> None:
    assert pull(client, person, query).status_code == 422


def test_a_deletion_is_pushed_without_data_and_told_as_one(
    client: FlaskClient, person: Person
) -> None:
    push(client, person)
    gone = {"deleted": True, "vectorClock": {"laptop": 2}}
    assert push(client, person, **gone, encryptedData="still here").status_code == 422
    assert push(client, person, **gone, encryptedData="").status_code == 200
    (state,) = pull(client, person).get_json()["states"]
    assert (state["deleted"], state["encryptedData"], state["vectorClock"]) == (
        True,
        "",
        {"laptop": 2},
    )


def test_where_clocks_are_strict_one_that_does_not_count_its_agent_is_refused(
    make: Make, person: Person
) -> None:
    strict = make(SYNC_STRICT_CLOCKS="1").test_client()
    answer = push(strict, person, vectorClock={"phone": 1})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "clock_without_agent")
    assert push(strict, person, vectorClock={"laptop": 1}).status_code == 200
