"""Registration and management of notification channels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from engine.store.accounts import Channel
from tests.support.receivers import Box, Receiver
from tests.support.web.channels import DOOR, URL, change, keys, register, subscription_body
from tests.support.web.people import Make, Person
from tests.support.web.sessions import grow_stale, login

pytestmark = pytest.mark.stack


SHOWN = {
    "id",
    "agentId",
    "kind",
    "endpoint",
    "state",
    "failures",
    "lastDeliveredAt",
    "lastStamp",
    "nextTryAt",
    "lastError",
    "createdAt",
}


@pytest.fixture
def box(receiver: Receiver) -> Box:
    return receiver.box()


@pytest.fixture
def here(make: Make, receiver: Receiver) -> FlaskClient:
    """Return a client of an app that may send notices to receivers on this machine."""
    return make(EGRESS_ALLOW=receiver.host).test_client()


def stand(sessions: sessionmaker[Session], channel_id: str, **values: Any) -> None:
    """Let a channel stand as deliveries would have left it."""
    with sessions.begin() as session:
        session.execute(update(Channel).where(Channel.id == UUID(channel_id)).values(**values))


def test_a_webhook_is_registered_with_a_secret_that_is_told_once(
    client: FlaskClient, person: Person
) -> None:
    answer = register(client, person.headers)
    assert answer.status_code == 201
    made = answer.get_json()
    assert made["secret"].startswith("whsec_")
    channel = made["channel"]
    assert set(channel) == SHOWN
    assert (channel["agentId"], channel["endpoint"], channel["state"]) == ("laptop", URL, "active")
    assert channel["nextTryAt"] is channel["lastStamp"] is None, "what was before is not news"
    assert client.get(f"{DOOR}/{channel['id']}", headers=person.headers).get_json() == channel
    assert client.get(DOOR, headers=person.headers).get_json()["channels"] == [channel]
    again = register(client, person.headers)
    assert (again.status_code, again.get_json()["code"]) == (409, "channel_exists")
    assert again.get_json()["channelId"] == channel["id"]


def test_the_secret_is_wrapped_at_rest(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session], environ: dict[str, str]
) -> None:
    made = register(client, person.headers).get_json()
    with sessions() as session:
        kept = session.get_one(Channel, UUID(made["channel"]["id"])).secret
    assert kept.partition(".")[0] == environ["CHANNEL_KEYS"].partition(":")[0]
    assert made["secret"].removeprefix("whsec_").rstrip("=") not in kept


def test_a_subscription_is_registered_as_the_browser_gives_it_and_again_at_each_start(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    first = register(client, person.headers, subscription_body())
    assert (first.status_code, first.get_json()["secret"]) == (201, None)
    channel_id = first.get_json()["channel"]["id"]
    stand(sessions, channel_id, state="dead", failures=12, last_error="gone")
    second = register(client, person.headers, subscription_body())
    assert second.status_code == 200
    assert second.get_json()["channel"]["id"] == channel_id
    assert (second.get_json()["channel"]["state"], second.get_json()["channel"]["failures"]) == (
        "active",
        0,
    )


def test_a_subscription_names_a_key_that_is_published(client: FlaskClient, person: Person) -> None:
    published = client.get(f"{DOOR}/vapid", headers=person.headers).get_json()["publicKey"]
    right = register(
        client, person.headers, subscription_body() | {"applicationServerKey": published}
    )
    assert right.status_code == 201
    wrong = register(
        client, person.headers, subscription_body() | {"applicationServerKey": keys()["p256dh"]}
    )
    assert (wrong.status_code, wrong.get_json()["code"]) == (409, "push_key_unknown")


def test_an_agent_has_so_many_channels_and_another_as_many(make: Make, person: Person) -> None:
    client = make(CHANNELS_PER_AGENT_MAX="2").test_client()
    phone = login(client, person, "phone")
    for headers in (person.headers, phone):
        answers = [
            register(client, headers, {"kind": "webhook", "url": f"https://x.example.org/{number}"})
            for number in range(3)
        ]
        assert [answer.status_code for answer in answers] == [201, 201, 409]
        assert answers[2].get_json()["code"] == "channels_full"
    channel_id = answers[0].get_json()["channel"]["id"]
    assert client.delete(f"{DOOR}/{channel_id}", headers=phone).status_code == 204
    assert client.get(f"{DOOR}/{channel_id}", headers=phone).status_code == 404
    assert register(client, phone).status_code == 201


def test_another_agents_channel_is_seen_and_changed_after_a_fresh_proof_only(
    here: FlaskClient, person: Person, box: Box, sessions: sessionmaker[Session]
) -> None:
    client, body = here, {"kind": "webhook", "url": box.url}
    phone = login(client, person, "phone")
    mine = register(client, person.headers, body).get_json()["channel"]["id"]
    theirs = register(client, phone, body).get_json()["channel"]["id"]
    grow_stale(sessions, person)
    for channel_id, statuses in ((theirs, [401] * 3), (mine, [200, 202, 204])):
        answers = [
            change(client, person.headers, channel_id, state="active"),
            client.post(f"{DOOR}/{channel_id}/test", headers=person.headers),
            client.delete(f"{DOOR}/{channel_id}", headers=person.headers),
        ]
        assert [answer.status_code for answer in answers] == statuses
    assert client.get(f"{DOOR}/{theirs}", headers=person.headers).status_code == 200


def test_a_webhook_and_a_new_secret_of_it_need_a_fresh_proof(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    channel_id = register(client, person.headers).get_json()["channel"]["id"]
    grow_stale(sessions, person)
    refused = [
        register(client, person.headers, {"kind": "webhook", "url": f"{URL}&more"}),
        change(client, person.headers, channel_id, rotateSecret=True),
    ]
    assert [answer.get_json()["code"] for answer in refused] == ["step_up_required"] * 2
    assert register(client, person.headers, subscription_body()).status_code == 201
    assert change(client, person.headers, channel_id, state="paused").status_code == 200


def test_a_channel_is_paused_and_begun_anew(
    client: FlaskClient, person: Person, sessions: sessionmaker[Session]
) -> None:
    channel_id = register(client, person.headers).get_json()["channel"]["id"]
    later = datetime.now(UTC) + timedelta(hours=1)
    stand(
        sessions, channel_id, state="failing", failures=3, last_error="timeout", next_try_at=later
    )
    paused = change(client, person.headers, channel_id, state="paused").get_json()["channel"]
    assert (paused["state"], paused["nextTryAt"]) == ("paused", None)
    tested = client.post(f"{DOOR}/{channel_id}/test", headers=person.headers)
    assert (tested.status_code, tested.get_json()["code"]) == (409, "channel_silent")
    revived = change(client, person.headers, channel_id, state="active").get_json()["channel"]
    assert (revived["state"], revived["failures"], revived["lastError"]) == ("active", 0, None)


def test_a_new_secret_is_told_once_and_a_subscription_has_none(
    client: FlaskClient, person: Person
) -> None:
    made = register(client, person.headers).get_json()
    rotated = change(client, person.headers, made["channel"]["id"], rotateSecret=True).get_json()
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    pushed = register(client, person.headers, subscription_body()).get_json()["channel"]["id"]
    refused = change(client, person.headers, pushed, rotateSecret=True)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "secret_none")


@pytest.mark.parametrize(
    "body", [{}, {"state": "dead"}, {"state": None}, {"rotateSecret": 1}, {"url": URL}]
)
def test_what_is_no_change_is_refused(
    client: FlaskClient, person: Person, body: dict[str, Any]
) -> None:
    channel_id = register(client, person.headers).get_json()["channel"]["id"]
    assert change(client, person.headers, channel_id, **body).status_code == 422


def test_a_test_is_taken_on_and_not_twice_in_a_row(
    here: FlaskClient, person: Person, box: Box
) -> None:
    channel_id = register(here, person.headers, {"kind": "webhook", "url": box.url}).get_json()[
        "channel"
    ]["id"]
    answer = here.post(f"{DOOR}/{channel_id}/test", headers=person.headers)
    assert (answer.status_code, answer.get_json()["id"]) == (202, channel_id)
    again = here.post(f"{DOOR}/{channel_id}/test", headers=person.headers)
    assert (again.status_code, again.get_json()["code"]) == (409, "channel_tested")


def test_what_happens_to_channels_is_in_the_trail(client: FlaskClient, person: Person) -> None:
    channel_id = register(client, person.headers).get_json()["channel"]["id"]
    change(client, person.headers, channel_id, rotateSecret=True)
    client.delete(f"{DOOR}/{channel_id}", headers=person.headers)
    events = client.get("/api/auth/audit", headers=person.headers).get_json()["events"]
    told = [event["kind"] for event in events if event["kind"].startswith("channel")]
    assert told == ["channel_removed", "channel_secret_changed", "channel_added"]


def test_a_revoked_agent_has_no_channels(client: FlaskClient, person: Person) -> None:
    phone = login(client, person, "phone")
    register(client, phone)
    mine = register(client, person.headers).get_json()["channel"]
    assert client.delete("/api/agents/phone", headers=person.headers).status_code == 204
    assert client.get(DOOR, headers=person.headers).get_json()["channels"] == [mine]


def test_a_strangers_channel_is_not_found(
    client: FlaskClient, person: Person, stranger: Person
) -> None:
    channel_id = register(client, stranger.headers).get_json()["channel"]["id"]
    answers = [
        client.get(f"{DOOR}/{channel_id}", headers=person.headers),
        change(client, person.headers, channel_id, state="paused"),
        client.post(f"{DOOR}/{channel_id}/test", headers=person.headers),
        client.delete(f"{DOOR}/{channel_id}", headers=person.headers),
    ]
    found = [(answer.status_code, answer.get_json()["code"]) for answer in answers]
    assert found == [(404, "channel_unknown")] * 4
    assert client.get(DOOR, headers=person.headers).get_json()["channels"] == []
