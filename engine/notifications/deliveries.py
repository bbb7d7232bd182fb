"""Deliveries to channels: when one is due, which process makes it, and how it ended.

No row is locked during a request to an endpoint. A channel's row has three times. `next_try_at` is
the time of the next try; without it there is nothing to deliver. Until `queued_until` a message for
the channel is in the queue. Until `leased_until` a process delivers. When a process dies, its
channels become due again by these times.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from engine.notifications.retry_policy import ChannelRetryPolicy, DeliveryOutcome
from engine.store.account_scope import AccountScope
from engine.store.accounts import Agent, Channel
from engine.store.sync import SyncHead
from engine.sync import notifications, pull
from engine.sync.notifications import ChangeNotification

LIVE_STATES = ("active", "failing")
QUEUE_PERIOD = timedelta(seconds=15)
LEASE = timedelta(seconds=20)  # longer than a delivery can take
POSTPONEMENT = timedelta(seconds=5)  # about half of the longest delivery
SPACING = timedelta(seconds=1)  # between two notices of a channel; later changes join the second


@dataclass(frozen=True, slots=True)
class ChannelDelivery:
    """Notice to deliver to a channel; without a notice it is a test."""

    channel: Channel
    leased_until: datetime
    notice: ChangeNotification | None
    test_id: UUID | None


class DeliveryShares:
    """Deliveries of this process that are under way, at most `share` of each account."""

    def __init__(self, share: int) -> None:
        self._share = share
        self._counts: Counter[UUID] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, account_id: UUID) -> Iterator[bool]:
        """Count a delivery during the block; yield whether it is within the account's share."""
        with self._lock:
            self._counts[account_id] += 1
            is_within = self._counts[account_id] <= self._share
        try:
            yield is_within
        finally:
            with self._lock:
                self._counts[account_id] -= 1
                if not self._counts[account_id]:
                    del self._counts[account_id]


def schedule_deliveries(scope: AccountScope) -> list[UUID]:
    """Schedule deliveries to the account's channels after a change; return those due at once.

    A channel with a scheduled delivery is left alone: that delivery includes this change.
    """
    now = scope.now
    query = (
        select(Channel)
        .join(Agent, (Agent.account_id == Channel.account_id) & (Agent.id == Channel.agent_id))
        .where(
            Channel.account_id == scope.account_id,
            Channel.state.in_(LIVE_STATES),
            Agent.revoked_at.is_(None),
        )
        .order_by(Channel.id)
        .with_for_update(of=Channel)
        .execution_options(populate_existing=True)
    )
    due_ids = []
    for channel in scope.session.scalars(query).all():
        if (
            channel.next_try_at is None
            and _schedule(scope.session, channel, now)
            and channel.next_try_at == now
        ):
            channel.queued_until = now + QUEUE_PERIOD
            due_ids.append(channel.id)
    return due_ids


def queue_due(session: Session, *, now: datetime, limit: int = 100) -> Sequence[UUID]:
    """Return up to `limit` due channels that are neither queued nor leased; mark them as queued.

    Several relays may run at once: a locked row is skipped.
    """
    query = (
        select(Channel.id)
        .where(
            Channel.next_try_at <= now,
            or_(Channel.queued_until.is_(None), Channel.queued_until <= now),
            or_(Channel.leased_until.is_(None), Channel.leased_until <= now),
        )
        .order_by(Channel.next_try_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    due_ids = session.scalars(query).all()
    if due_ids:
        statement = (
            update(Channel).where(Channel.id.in_(due_ids)).values(queued_until=now + QUEUE_PERIOD)
        )
        session.execute(statement.execution_options(synchronize_session=False))
    return due_ids


def claim(session: Session, *, channel_id: UUID, now: datetime) -> ChannelDelivery | None:
    """Lease a due channel for LEASE and return its delivery; None when nothing is due."""
    query = (
        select(Channel)
        .where(
            Channel.id == channel_id,
            Channel.next_try_at <= now,
            or_(Channel.leased_until.is_(None), Channel.leased_until <= now),
        )
        # A transaction that has the lock ends in a moment and may leave the channel due.
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    channel = session.scalars(query).one_or_none()
    if channel is None:
        return None
    channel.queued_until = channel.leased_until = None
    agent = session.get_one(Agent, (channel.account_id, channel.agent_id), populate_existing=True)
    if channel.state not in LIVE_STATES or agent.revoked_at is not None:
        channel.next_try_at = None
        return None
    notice = None if channel.test_id else _find_notice(session, channel)
    if channel.test_id is None and notice is None:
        channel.next_try_at = None
        return None
    leased_until = channel.leased_until = now + LEASE
    return ChannelDelivery(channel, leased_until, notice, channel.test_id)


def record_outcome(
    session: Session,
    delivery: ChannelDelivery,
    outcome: DeliveryOutcome,
    *,
    retry_policy: ChannelRetryPolicy,
    now: datetime,
    chance: float,
) -> None:
    """Store how a delivery ended, unless its channel was paused or leased again meanwhile.

    A delivery whose outcome is not stored is repeated with the same id. `chance`, from 0 to 1,
    spreads the next try.
    """
    channel = _end_lease(session, delivery)
    if channel is None:
        return
    if outcome.error is not None:
        delay = max(retry_policy.delay(channel.failures + 1, chance=chance), outcome.wait)
        _record_failure(channel, outcome, tries_max=retry_policy.tries_max, next_try_at=now + delay)
        return
    channel.state, channel.failures, channel.last_error = "active", 0, None
    channel.last_delivered_at = now
    if delivery.notice is not None:
        channel.told_stamp = channel.last_stamp = delivery.notice.head
    elif channel.test_id == delivery.test_id:
        channel.test_id = None
    channel.next_try_at = None
    _schedule(session, channel, now)


def postpone(session: Session, delivery: ChannelDelivery, *, now: datetime) -> None:
    """Give a lease back, because too many of the account's deliveries are under way."""
    channel = _end_lease(session, delivery)
    if channel is not None:
        channel.next_try_at = now + POSTPONEMENT


def schedule_overdue(session: Session, *, now: datetime) -> int:
    """Schedule channels that are behind their account's head but have no next try; count them.

    This is a safety net: the transaction that removes the outbox's row schedules deliveries.
    """
    behind = (
        select(Channel.id)
        .join(SyncHead, SyncHead.account_id == Channel.account_id)
        .where(
            Channel.state.in_(LIVE_STATES),
            Channel.next_try_at.is_(None),
            Channel.told_stamp < SyncHead.stamp,
        )
    )
    statement = (
        update(Channel).where(Channel.id.in_(behind)).values(next_try_at=now).returning(Channel.id)
    )
    return len(session.scalars(statement.execution_options(synchronize_session=False)).all())


def _end_lease(session: Session, delivery: ChannelDelivery) -> Channel | None:
    """Return a delivery's channel without its lease; None when it was paused or leased again."""
    query = (
        select(Channel)
        .where(Channel.id == delivery.channel.id, Channel.leased_until == delivery.leased_until)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    channel = session.scalars(query).one_or_none()
    if channel is not None:
        channel.leased_until = None
    return channel


def _schedule(session: Session, channel: Channel, now: datetime) -> bool:
    """Set the channel's next try when there is something to deliver; return whether there is."""
    if channel.test_id is None and _find_notice(session, channel) is None:
        return False
    earliest = channel.last_delivered_at and channel.last_delivered_at + SPACING
    channel.next_try_at = max(now, earliest or now)
    return True


def _find_notice(session: Session, channel: Channel) -> ChangeNotification | None:
    """Return the notice of changes since the channel's last one; without any, advance its stamp."""
    # The head is read first, so that a change after it cannot be missed.
    head = pull.read_head(session, channel.account_id)
    notice = notifications.find_changes(
        session, account_id=channel.account_id, agent_id=channel.agent_id, since=channel.told_stamp
    )
    if notice is None:
        channel.told_stamp = max(channel.told_stamp, head)
    return notice


def _record_failure(
    channel: Channel, outcome: DeliveryOutcome, *, tries_max: int, next_try_at: datetime
) -> None:
    channel.failures += 1
    channel.last_error = outcome.error
    if outcome.permanent or channel.failures >= tries_max:
        channel.state, channel.next_try_at, channel.test_id = "dead", None, None
        return
    channel.state, channel.next_try_at = "failing", next_try_at
