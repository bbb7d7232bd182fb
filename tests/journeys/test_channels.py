"""What one agent does the others hear of where they asked to be told, each by its own channel."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis

from bin.devtools.stack.client import Client
from tests.support.journeys.fragile import Fragile
from tests.support.platform import Platform, new_agent
from tests.support.receivers import (
    SECONDS_MAX,
    Box,
    Browser,
    Delivery,
    Receiver,
    Reply,
    verify_webhook,
)
from tests.support.waiting import until

pytestmark = pytest.mark.journey


@contextmanager
def another(laptop: Client, agent_id: str) -> Iterator[Client]:
    """Be another agent of the laptop's account."""
    with Client(str(laptop.http.base_url), agent_id, laptop.keys) as client:
        client.login(laptop.email, laptop.password)
        yield client


@pytest.fixture
def phone(laptop: Client) -> Iterator[Client]:
    with another(laptop, "phone") as client:
        yield client


def push(client: Client, entity_id: str) -> str:
    """Push a new state and return its stamp."""
    client.push(entity_id, 1, version="1", clock={client.agent_id: 1})
    head: str = client.pull()["head"]
    return head


def hook(client: Client, box: Box) -> tuple[str, str]:
    """Register a webhook; return its id and secret."""
    channel = client.request("POST", "/api/channels", json={"kind": "webhook", "url": box.url})
    return channel["channel"]["id"], channel["secret"]


def change(client: Client, channel_id: str, **body: Any) -> dict[str, Any]:
    return client.request("PATCH", f"/api/channels/{channel_id}", json=body)


def stands(client: Client, channel_id: str, **members: Any) -> dict[str, Any]:
    """Return the channel once it stands like this."""

    def look() -> dict[str, Any] | None:
        channel = client.request("GET", f"/api/channels/{channel_id}")
        return channel if members.items() <= channel.items() else None

    channel: dict[str, Any] = until(look)
    return channel


def held_answer() -> tuple[threading.Event, Any]:
    """Return an answer that waits, and what lets it go."""
    go_on = threading.Event()

    def answer(_delivery: Delivery) -> Reply:
        assert go_on.wait(SECONDS_MAX)
        return 200, {}

    return go_on, answer


def test_a_webhook_and_a_browser_are_told_what_another_did_and_nobody_of_their_own(
    laptop: Client, phone: Client, receiver: Receiver
) -> None:
    mine, theirs, push_box, browser = receiver.box(), receiver.box(), receiver.box(), Browser()
    _, my_secret = hook(laptop, mine)
    channel_id, secret = hook(phone, theirs)
    server_key = phone.request("GET", "/api/channels/vapid")["publicKey"]
    subscription = {"kind": "webPush", "subscription": browser.subscription(push_box.url)}
    phone.request("POST", "/api/channels", json=subscription)
    head = push(laptop, "one")
    data = {"head": head, "types": ["settings"]}
    message = verify_webhook(theirs.next(), secret)
    account_id = laptop.request("GET", "/api/auth/me")["id"]
    assert message["data"] == {"accountId": account_id, "agentId": "phone"} | data
    assert (
        browser.read(push_box.next(), origin=f"http://{receiver.host}", server_key=server_key)
        == data
    )
    stands(phone, channel_id, state="active", lastStamp=head, failures=0, nextTryAt=None)
    later = push(phone, "two")
    assert verify_webhook(mine.next(), my_secret)["data"]["head"] == later, (
        "the first thing heard is the other's"
    )
    assert theirs.rest() == push_box.rest() == []


def test_what_changes_while_an_endpoint_is_slow_is_told_together(
    laptop: Client, phone: Client, receiver: Receiver
) -> None:
    box = receiver.box()
    go_on, box.answer = held_answer()
    channel_id, secret = hook(phone, box)
    push(laptop, "first")
    first = verify_webhook(box.next(), secret)
    for number in range(20):
        head = push(laptop, f"note-{number}")
    go_on.set()
    stands(phone, channel_id, lastStamp=head)
    heads = [verify_webhook(delivery, secret)["data"]["head"] for delivery in box.rest()]
    assert heads[-1] == head
    assert len(heads) <= 2, "of twenty changes"
    assert first["data"]["head"] < heads[0]


def test_a_slow_endpoint_delays_nobody_else(
    platform: Platform, laptop: Client, phone: Client, receiver: Receiver
) -> None:
    slow, quick, strange = receiver.box(), receiver.box(), receiver.box()
    go_on, slow.answer = held_answer()
    hook(phone, slow)
    with another(laptop, "tablet") as tablet, new_agent(platform) as stranger:
        _, secret = hook(tablet, quick)
        push(laptop, "one")
        slow.next()
        assert verify_webhook(quick.next(), secret)["type"] == "sync.changed"
        with another(stranger, "watch") as watch:
            _, secret = hook(watch, strange)
            push(stranger, "one")
            assert verify_webhook(strange.next(), secret)["type"] == "sync.changed"
    assert slow.rest() == [], "the slow one has not answered yet"
    go_on.set()


def test_an_endpoint_that_fails_is_seen_to_fail_and_die_and_is_told_the_newest_once_revived(
    laptop: Client, phone: Client, receiver: Receiver
) -> None:
    box = receiver.box()
    box.answer = lambda _delivery: (500, {})
    channel_id, secret = hook(phone, box)
    push(laptop, "one")
    dead = stands(phone, channel_id, state="dead")
    assert (dead["failures"], dead["lastError"], dead["nextTryAt"]) == (3, "http_500", None)
    tries = box.rest()
    assert len({delivery.headers["webhook-id"] for delivery in tries}) == 1 < len(tries) == 3
    head = push(laptop, "two")
    box.answer = lambda _delivery: (204, {})
    change(phone, channel_id, state="active")
    assert verify_webhook(box.next(), secret)["data"]["head"] == head
    stands(phone, channel_id, state="active", lastStamp=head, lastError=None, failures=0)


def test_an_endpoint_that_fails_for_a_while_is_failing_until_it_takes_what_it_missed(
    laptop: Client, phone: Client, receiver: Receiver
) -> None:
    box = receiver.box()
    box.answer = lambda _received: (503, {"Retry-After": "3600"})
    channel_id, secret = hook(phone, box)
    head = push(laptop, "one")
    failing = stands(phone, channel_id, state="failing", failures=1)
    assert failing["lastError"] == "http_503"
    assert failing["nextTryAt"] > head, "in an hour, as it asked"
    box.rest()
    box.answer = lambda _received: (204, {})
    change(phone, channel_id, state="active")
    assert verify_webhook(box.next(), secret)["data"]["head"] == head


def test_a_subscription_that_has_ended_is_dead_at_once_and_lives_when_the_browser_subscribes_anew(
    laptop: Client, phone: Client, receiver: Receiver
) -> None:
    box, browser = receiver.box(), Browser()
    box.answer = lambda _received: (410, {})
    body = {"kind": "webPush", "subscription": browser.subscription(box.url)}
    channel_id = phone.request("POST", "/api/channels", json=body)["channel"]["id"]
    push(laptop, "one")
    stands(phone, channel_id, state="dead", failures=1, lastError="gone")
    box.answer = lambda _received: (201, {})
    again = phone.request("POST", "/api/channels", json=body)["channel"]
    assert (again["id"], again["state"]) == (channel_id, "active")
    stands(phone, channel_id, state="active", lastStamp=laptop.pull()["head"])


def test_a_test_is_sent_and_its_end_is_seen(phone: Client, receiver: Receiver) -> None:
    box = receiver.box()
    channel_id, secret = hook(phone, box)
    phone.request("POST", f"/api/channels/{channel_id}/test")
    assert verify_webhook(box.next(), secret)["type"] == "channel.test"
    until(lambda: phone.request("GET", f"/api/channels/{channel_id}")["lastDeliveredAt"])


def test_after_a_rotation_both_secrets_verify(
    laptop: Client, phone: Client, receiver: Receiver
) -> None:
    box = receiver.box()
    channel_id, old = hook(phone, box)
    new = change(phone, channel_id, rotateSecret=True)["secret"]
    push(laptop, "one")
    delivery = box.next()
    assert verify_webhook(delivery, old) == verify_webhook(delivery, new)


def test_a_revoked_agent_is_told_nothing_more(laptop: Client, receiver: Receiver) -> None:
    theirs, witness = receiver.box(), receiver.box()
    with another(laptop, "phone") as phone, another(laptop, "tablet") as tablet:
        hook(phone, theirs)
        hook(tablet, witness)
        laptop.http.delete("/api/agents/phone").raise_for_status()
        push(laptop, "one")
        witness.next()
    assert theirs.rest() == []


def test_a_delivery_whose_process_is_killed_is_made_when_it_is_back_whatever_redis_has_forgotten(
    fragile: Fragile, receiver: Receiver
) -> None:
    box = receiver.box()
    go_on, box.answer = held_answer()
    with new_agent(fragile.platform) as laptop, another(laptop, "phone") as phone:
        channel_id, secret = hook(phone, box)
        head = push(laptop, "one")
        lost_delivery = box.next()
        fragile.kill("channels")
        try:
            go_on.set()
            Redis.from_url(fragile.stack.redis_url).flushall()
        finally:
            fragile.revive("channels")
        again = box.next()
        assert again.headers["webhook-id"] == lost_delivery.headers["webhook-id"]
        assert verify_webhook(again, secret)["data"]["head"] == head
        stands(phone, channel_id, state="active", lastStamp=head)


def test_what_changes_while_the_fan_out_is_dead_is_told_when_it_is_back(
    fragile: Fragile, receiver: Receiver
) -> None:
    box = receiver.box()
    with new_agent(fragile.platform) as laptop, another(laptop, "phone") as phone:
        channel_id, secret = hook(phone, box)
        fragile.kill("fanout")
        try:
            head = push(laptop, "one")
        finally:
            fragile.revive("fanout")
        assert verify_webhook(box.next(), secret)["data"]["head"] == head
        stands(phone, channel_id, state="active", lastStamp=head)
