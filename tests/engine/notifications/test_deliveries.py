"""What is owed to channels, and by when: whatever fails, comes late, comes twice or dies."""

import threading
from datetime import UTC, datetime, timedelta
from queue import Queue
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from engine.accounts import agents
from engine.notifications import deliveries, management
from engine.notifications.deliveries import LEASE, QUEUED, SPACING, Delivery
from engine.notifications.retry_policy import Outcome
from engine.store.accounts import Channel
from engine.sync.notifications import Notice
from tests.support.channels import NOW, PATIENCE, SECOND, Add, Push
from tests.support.waiting import until

pytestmark = pytest.mark.stack


FAILED = Outcome("timeout")


def claimed(session: Session, channel: Channel, now: datetime = NOW) -> Delivery:
    delivery = deliveries.claim(session, channel_id=channel.id, now=now)
    assert delivery is not None
    return delivery


def settle(
    session: Session, delivery: Delivery, outcome: Outcome | None = None, now: datetime = NOW
) -> None:
    deliveries.settle(
        session,
        delivery,
        outcome or Outcome(),
        patience=PATIENCE,
        now=now,
        chance=0.5,
    )


def mark(session: Session, account_id: UUID) -> list[UUID]:
    return deliveries.mark(session, account_id=account_id, now=NOW)


def mine(session: Session, account_id: UUID, now: datetime) -> list[UUID]:
    """Return which of the account's own channels are due: other tests leave channels of theirs."""
    due = deliveries.take_due(session, now=now)
    return [one for one in due if session.get_one(Channel, one).account_id == account_id]


def test_a_change_is_owed_to_the_channels_of_other_live_agents(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    own, phone, paused, dead = (
        add("laptop"),
        add("phone"),
        add("tablet", state="paused"),
        add("watch", state="dead"),
    )
    gone = add("lost")
    agents.revoke(session, account_id=account_id, agent_id="lost", now=NOW)
    head = push("laptop", "workflow")
    assert mark(session, account_id) == [phone.id]
    assert (own.next_try_at, own.told_stamp) == (None, head), "there is no news for who changed it"
    assert paused.next_try_at is dead.next_try_at is None
    assert session.get(Channel, gone.id, populate_existing=True) is None
    assert claimed(session, phone).notice == Notice(head, ["workflow"])


def test_marking_twice_queues_once(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    assert mark(session, account_id) == [phone.id]
    push()
    assert mark(session, account_id) == []
    assert mine(session, account_id, NOW) == []
    assert mine(session, account_id, NOW + QUEUED) == [phone.id], "a lost message is sent again"
    assert mine(session, account_id, NOW + QUEUED) == []


def test_a_channel_that_is_being_marked_is_waited_for_and_not_passed_over(
    sessions: sessionmaker[Session], account_id: UUID, session: Session, add: Add, push: Push
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)  # a running relay leaves it alone until then
    phone = add(next_try_at=later)
    head = push()
    session.commit()
    marking, claims = sessions(), Queue[Delivery | None]()
    deliveries.mark(marking, account_id=account_id, now=later)

    def claim() -> None:
        with sessions.begin() as other:
            claims.put(deliveries.claim(other, channel_id=phone.id, now=later))

    thread = threading.Thread(target=claim)
    thread.start()
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    until(lambda: session.scalar(waiting))
    marking.commit()
    thread.join()
    found = claims.get_nowait()
    assert found is not None
    assert found.notice == Notice(head, ["settings"])


def test_many_changes_are_told_as_one(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    for kind in ("settings", "agent", "settings"):
        head = push("laptop", kind)
        mark(session, account_id)
    delivery = claimed(session, phone)
    assert delivery.notice == Notice(head, ["agent", "settings"])
    settle(session, delivery)
    assert (phone.told_stamp, phone.last_stamp, phone.next_try_at) == (head, head, None)
    assert (phone.state, phone.last_delivered_at) == ("active", NOW)


def test_what_changes_during_a_delivery_is_told_after_it_and_not_at_once(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    first = push()
    mark(session, account_id)
    delivery = claimed(session, phone)
    second = push()
    assert mark(session, account_id) == []
    assert deliveries.claim(session, channel_id=phone.id, now=NOW) is None, "one process at a time"
    assert mine(session, account_id, NOW) == []
    settle(session, delivery)
    assert (phone.told_stamp, phone.next_try_at) == (first, NOW + SPACING)
    assert deliveries.claim(session, channel_id=phone.id, now=NOW) is None
    assert mine(session, account_id, NOW + SPACING) == [phone.id]
    assert claimed(session, phone, NOW + SPACING).notice == Notice(second, ["settings"])


def test_what_a_process_that_died_was_delivering_falls_due_again(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    mark(session, account_id)
    lost = claimed(session, phone)
    assert mine(session, account_id, NOW + LEASE - SECOND) == []
    assert mine(session, account_id, NOW + LEASE) == [phone.id]
    again = claimed(session, phone, NOW + LEASE)
    assert again.notice == lost.notice
    settle(session, lost, FAILED, NOW + LEASE)
    assert (phone.state, phone.leased_until) == ("active", again.leased_until), (
        "who was late has no say"
    )


def test_failures_are_tried_again_ever_later_until_the_channel_is_dead_and_a_success_forgets_them(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone, now = add(), NOW
    push()
    mark(session, account_id)
    for failures, wait in ((1, 5), (2, 15)):
        settle(session, claimed(session, phone, now), FAILED, now)
        assert (phone.state, phone.failures, phone.last_error) == ("failing", failures, "timeout")
        assert phone.next_try_at == now + wait * SECOND
        head = push()
        assert mark(session, account_id) == [], "a change does not shorten the wait"
        now = phone.next_try_at
    settle(session, claimed(session, phone, now), now=now)
    assert (phone.state, phone.failures, phone.last_error, phone.told_stamp) == (
        "active",
        0,
        None,
        head,
    )
    push()
    mark(session, account_id)
    phone.failures, phone.next_try_at = 2, now
    settle(session, claimed(session, phone, now), FAILED, now)
    assert (phone.state, phone.failures) == ("dead", 3)
    assert mine(session, account_id, now + 1_000_000 * SECOND) == []


def test_a_channel_that_is_gone_is_dead_at_once(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    mark(session, account_id)
    settle(session, claimed(session, phone), Outcome("gone", gone=True))
    assert (phone.state, phone.failures, phone.last_error) == ("dead", 1, "gone")


def test_an_endpoint_that_asks_for_time_gets_it(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    mark(session, account_id)
    settle(session, claimed(session, phone), Outcome("http_429", wait=600 * SECOND))
    assert phone.next_try_at == NOW + 600 * SECOND


@pytest.mark.parametrize("state", ["paused", "dead"])
def test_one_that_is_begun_anew_is_told_the_newest_head_at_once(
    session: Session, account_id: UUID, add: Add, push: Push, state: str
) -> None:
    phone = add(state=state, failures=3, last_error="timeout")
    push("laptop", "agent")
    head = push()
    assert mark(session, account_id) == []
    management.resume(phone, now=NOW)
    session.flush()
    assert mine(session, account_id, NOW) == [phone.id]
    assert claimed(session, phone).notice == Notice(head, ["agent", "settings"])


def test_a_pause_during_a_delivery_holds(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    mark(session, account_id)
    delivery = claimed(session, phone)
    management.pause(phone)
    session.flush()
    settle(session, delivery)
    assert (phone.state, phone.told_stamp) == ("paused", 0)


def test_a_test_goes_first_and_what_is_new_after_it(session: Session, add: Add, push: Push) -> None:
    phone = add()
    head = push()
    management.test(phone, now=NOW)
    session.flush()
    delivery = claimed(session, phone)
    assert (delivery.notice, delivery.test_id) == (None, phone.test_id)
    settle(session, delivery)
    assert (phone.test_id, phone.told_stamp, phone.last_stamp) == (None, 0, None)
    assert claimed(session, phone, NOW + SPACING).notice == Notice(head, ["settings"])


def test_one_that_owes_nothing_though_it_is_behind_is_found_by_the_net(
    session: Session, add: Add, push: Push
) -> None:
    phone, level = add(), add("laptop")
    head = push()
    level.told_stamp = head
    session.flush()
    assert deliveries.recover(session, now=NOW) >= 1
    session.refresh(phone)
    session.refresh(level)
    assert (phone.next_try_at, level.next_try_at) == (NOW, None)
    assert deliveries.recover(session, now=NOW) == 0
