"""Deliveries to channels: failures, late outcomes, concurrent processes, and processes that die."""

import threading
from datetime import UTC, datetime, timedelta
from queue import Queue
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils.compat import uuid7

from engine.accounts import agents
from engine.notifications import deliveries, management
from engine.notifications.deliveries import (
    LEASE,
    POSTPONEMENT,
    QUEUE_PERIOD,
    SPACING,
    ChannelDelivery,
    DeliveryShares,
)
from engine.notifications.retry_policy import DeliveryOutcome
from engine.store.account_scope import AccountScope
from engine.store.accounts import Channel
from engine.sync.notifications import ChangeNotification
from tests.support.channels import NOW, RETRY_POLICY, SECOND, Add, Push
from tests.support.waiting import until

pytestmark = pytest.mark.stack


FAILURE = DeliveryOutcome("timeout")


def claim(session: Session, channel: Channel, now: datetime = NOW) -> ChannelDelivery:
    delivery = deliveries.claim(session, channel_id=channel.id, now=now)
    assert delivery is not None
    return delivery


def record_outcome(
    session: Session,
    delivery: ChannelDelivery,
    outcome: DeliveryOutcome | None = None,
    now: datetime = NOW,
) -> None:
    deliveries.record_outcome(
        session,
        delivery,
        outcome or DeliveryOutcome(),
        retry_policy=RETRY_POLICY,
        now=now,
        chance=0.5,
    )


def schedule(session: Session, account_id: UUID) -> list[UUID]:
    return deliveries.schedule_deliveries(AccountScope(session, account_id, NOW))


def mine(session: Session, account_id: UUID, now: datetime) -> list[UUID]:
    """Return which of the account's own channels are due: other tests leave channels of theirs."""
    due = deliveries.queue_due(session, now=now)
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
    agents.revoke(AccountScope(session, account_id, NOW), "lost")
    head = push("laptop", "workflow")
    assert schedule(session, account_id) == [phone.id]
    assert (own.next_try_at, own.told_stamp) == (None, head), "there is no news for who changed it"
    assert paused.next_try_at is dead.next_try_at is None
    assert session.get(Channel, gone.id, populate_existing=True) is None
    assert claim(session, phone).notice == ChangeNotification(head, ["workflow"])


def test_marking_twice_queues_once(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    assert schedule(session, account_id) == [phone.id]
    push()
    assert schedule(session, account_id) == []
    assert mine(session, account_id, NOW) == []
    assert mine(session, account_id, NOW + QUEUE_PERIOD) == [phone.id], (
        "a lost message is sent again"
    )
    assert mine(session, account_id, NOW + QUEUE_PERIOD) == []


def test_a_channel_that_is_being_marked_is_waited_for_and_not_passed_over(
    sessions: sessionmaker[Session], account_id: UUID, session: Session, add: Add, push: Push
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)  # a running relay leaves it alone until then
    phone = add(next_try_at=later)
    head = push()
    session.commit()
    scheduling, claims = sessions(), Queue[ChannelDelivery | None]()
    deliveries.schedule_deliveries(AccountScope(scheduling, account_id, later))

    def claim_elsewhere() -> None:
        with sessions.begin() as other:
            claims.put(deliveries.claim(other, channel_id=phone.id, now=later))

    thread = threading.Thread(target=claim_elsewhere)
    thread.start()
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    until(lambda: session.scalar(waiting))
    scheduling.commit()
    thread.join()
    found = claims.get_nowait()
    assert found is not None
    assert found.notice == ChangeNotification(head, ["settings"])


def test_many_changes_are_told_as_one(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    for kind in ("settings", "agent", "settings"):
        head = push("laptop", kind)
        schedule(session, account_id)
    delivery = claim(session, phone)
    assert delivery.notice == ChangeNotification(head, ["agent", "settings"])
    record_outcome(session, delivery)
    assert (phone.told_stamp, phone.last_stamp, phone.next_try_at) == (head, head, None)
    assert (phone.state, phone.last_delivered_at) == ("active", NOW)


def test_what_changes_during_a_delivery_is_told_after_it_and_not_at_once(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    first = push()
    schedule(session, account_id)
    delivery = claim(session, phone)
    second = push()
    assert schedule(session, account_id) == []
    assert deliveries.claim(session, channel_id=phone.id, now=NOW) is None, "one process at a time"
    assert mine(session, account_id, NOW) == []
    record_outcome(session, delivery)
    assert (phone.told_stamp, phone.next_try_at) == (first, NOW + SPACING)
    assert deliveries.claim(session, channel_id=phone.id, now=NOW) is None
    assert mine(session, account_id, NOW + SPACING) == [phone.id]
    assert claim(session, phone, NOW + SPACING).notice == ChangeNotification(second, ["settings"])


def test_what_a_process_that_died_was_delivering_falls_due_again(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    schedule(session, account_id)
    lost = claim(session, phone)
    assert mine(session, account_id, NOW + LEASE - SECOND) == []
    assert mine(session, account_id, NOW + LEASE) == [phone.id]
    again = claim(session, phone, NOW + LEASE)
    assert again.notice == lost.notice
    record_outcome(session, lost, FAILURE, NOW + LEASE)
    assert (phone.state, phone.leased_until) == ("active", again.leased_until), (
        "who was late has no say"
    )


def test_failures_are_tried_again_ever_later_until_the_channel_is_dead_and_a_success_forgets_them(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone, now = add(), NOW
    push()
    schedule(session, account_id)
    for failures, wait in ((1, 5), (2, 15)):
        record_outcome(session, claim(session, phone, now), FAILURE, now)
        assert (phone.state, phone.failures, phone.last_error) == ("failing", failures, "timeout")
        assert phone.next_try_at == now + wait * SECOND
        head = push()
        assert schedule(session, account_id) == [], "a change does not shorten the wait"
        now = phone.next_try_at
    record_outcome(session, claim(session, phone, now), now=now)
    assert (phone.state, phone.failures, phone.last_error, phone.told_stamp) == (
        "active",
        0,
        None,
        head,
    )
    push()
    schedule(session, account_id)
    phone.failures, phone.next_try_at = 2, now
    record_outcome(session, claim(session, phone, now), FAILURE, now)
    assert (phone.state, phone.failures) == ("dead", 3)
    assert mine(session, account_id, now + 1_000_000 * SECOND) == []


def test_a_channel_that_is_gone_is_dead_at_once(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    schedule(session, account_id)
    record_outcome(session, claim(session, phone), DeliveryOutcome("gone", permanent=True))
    assert (phone.state, phone.failures, phone.last_error) == ("dead", 1, "gone")


def test_an_account_s_deliveries_under_way_are_at_most_its_share() -> None:
    shares, greedy, neighbour = DeliveryShares(1), uuid7(), uuid7()
    with (
        shares.hold(greedy) as first,
        shares.hold(greedy) as second,
        shares.hold(neighbour) as other,
    ):
        assert (first, second, other) == (True, False, True)
    with shares.hold(greedy) as again:
        assert again


def test_a_delivery_that_is_put_off_is_no_failure_and_falls_due_again(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add("phone")
    push("laptop", "workflow")
    schedule(session, account_id)
    deliveries.postpone(session, claim(session, phone), now=NOW)
    assert (phone.failures, phone.state, phone.leased_until) == (0, "active", None)
    assert deliveries.claim(session, channel_id=phone.id, now=NOW) is None
    assert mine(session, account_id, NOW + POSTPONEMENT) == [phone.id]
    assert claim(session, phone, NOW + POSTPONEMENT).notice is not None


def test_an_endpoint_that_asks_for_time_gets_it(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    schedule(session, account_id)
    record_outcome(session, claim(session, phone), DeliveryOutcome("http_429", wait=600 * SECOND))
    assert phone.next_try_at == NOW + 600 * SECOND


@pytest.mark.parametrize("state", ["paused", "dead"])
def test_one_that_is_begun_anew_is_told_the_newest_head_at_once(
    session: Session, account_id: UUID, add: Add, push: Push, state: str
) -> None:
    phone = add(state=state, failures=3, last_error="timeout")
    push("laptop", "agent")
    head = push()
    assert schedule(session, account_id) == []
    management.resume(phone, now=NOW)
    session.flush()
    assert mine(session, account_id, NOW) == [phone.id]
    assert claim(session, phone).notice == ChangeNotification(head, ["agent", "settings"])


def test_a_pause_during_a_delivery_holds(
    session: Session, account_id: UUID, add: Add, push: Push
) -> None:
    phone = add()
    push()
    schedule(session, account_id)
    delivery = claim(session, phone)
    management.pause(phone)
    session.flush()
    record_outcome(session, delivery)
    assert (phone.state, phone.told_stamp) == ("paused", 0)


def test_a_test_goes_first_and_what_is_new_after_it(session: Session, add: Add, push: Push) -> None:
    phone = add()
    head = push()
    management.request_test(phone, now=NOW)
    session.flush()
    delivery = claim(session, phone)
    assert (delivery.notice, delivery.test_id) == (None, phone.test_id)
    record_outcome(session, delivery)
    assert (phone.test_id, phone.told_stamp, phone.last_stamp) == (None, 0, None)
    assert claim(session, phone, NOW + SPACING).notice == ChangeNotification(head, ["settings"])


def test_one_that_owes_nothing_though_it_is_behind_is_found_by_the_net(
    session: Session, add: Add, push: Push
) -> None:
    phone, level = add(), add("laptop")
    head = push()
    level.told_stamp = head
    session.flush()
    assert deliveries.schedule_overdue(session, now=NOW) >= 1
    session.refresh(phone)
    session.refresh(level)
    assert (phone.next_try_at, level.next_try_at) == (NOW, None)
    assert deliveries.schedule_overdue(session, now=NOW) == 0
