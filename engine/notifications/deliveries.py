"""What is owed to channels and by when: rows that say it, taken by one process at a time.

Nothing is locked while a request is under way. A row has three times: `next_try_at`, before which there
is no try and without which nothing is owed; `queued_until`, while a message for it is in the queue; and
`leased_until`, while a process delivers. Whatever a process that dies has held falls due by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from engine.notifications.retry_policy import Outcome, Patience
from engine.store.accounts import Agent, Channel
from engine.store.sync import SyncHead
from engine.sync import notifications, pull
from engine.sync.notifications import ChangeNotification

LIVE = ("active", "failing")
QUEUED = timedelta(seconds=15)
LEASE = timedelta(seconds=20)  # longer than a delivery can take
SPACING = timedelta(seconds=1)  # between two notices: what changes faster is told together


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way: of changes, or, without one, a test."""

    channel: Channel
    leased_until: datetime
    notice: ChangeNotification | None
    test_id: UUID | None


def mark(session: Session, *, account_id: UUID, now: datetime) -> list[UUID]:
    """Note what is owed to the account's channels after a change; return those that are due at once.

    A channel that owes a try already is left to it: it will tell of this change too.
    """
    query = (
        select(Channel)
        .join(Agent, (Agent.account_id == Channel.account_id) & (Agent.id == Channel.agent_id))
        .where(
            Channel.account_id == account_id, Channel.state.in_(LIVE), Agent.revoked_at.is_(None)
        )
        .order_by(Channel.id)
        .with_for_update(of=Channel)
    )
    due = []
    for channel in session.scalars(query.execution_options(populate_existing=True)).all():
        if (
            channel.next_try_at is None
            and _owe(session, channel, now)
            and channel.next_try_at == now
        ):
            channel.queued_until = now + QUEUED
            due.append(channel.id)
    return due


def take_due(session: Session, *, now: datetime, limit: int = 100) -> Sequence[UUID]:
    """Return up to `limit` channels that are due and in nobody's hands, and note that they are queued.

    Relays may run side by side: a locked row is skipped.
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
    due = session.scalars(query).all()
    if due:
        queued = update(Channel).where(Channel.id.in_(due)).values(queued_until=now + QUEUED)
        session.execute(queued.execution_options(synchronize_session=False))
    return due


def claim(session: Session, *, channel_id: UUID, now: datetime) -> Delivery | None:
    """Take a channel that is due, for LEASE, and return what it is to be told; nothing if it is not due."""
    query = (
        select(Channel)
        .where(
            Channel.id == channel_id,
            Channel.next_try_at <= now,
            or_(Channel.leased_until.is_(None), Channel.leased_until <= now),
        )
        .with_for_update()  # whoever holds it is done in a moment, and may have left it due
        .execution_options(populate_existing=True)
    )
    channel = session.scalars(query).one_or_none()
    if channel is None:
        return None
    channel.queued_until = channel.leased_until = None
    agent = session.get_one(Agent, (channel.account_id, channel.agent_id), populate_existing=True)
    if channel.state not in LIVE or agent.revoked_at is not None:
        channel.next_try_at = None
        return None
    notice = None if channel.test_id else _news(session, channel)
    if channel.test_id is None and notice is None:
        channel.next_try_at = None
        return None
    leased_until = channel.leased_until = now + LEASE
    return Delivery(channel, leased_until, notice, channel.test_id)


def settle(
    session: Session,
    delivery: Delivery,
    outcome: Outcome,
    *,
    patience: Patience,
    now: datetime,
    chance: float,
) -> None:
    """Note how a delivery ended, unless its channel was paused, or taken by another, meanwhile.

    What is not noted is told again, under the same id.
    """
    query = select(Channel).where(
        Channel.id == delivery.channel.id, Channel.leased_until == delivery.leased_until
    )
    found = query.with_for_update().execution_options(populate_existing=True)
    channel = session.scalars(found).one_or_none()
    if channel is None:
        return
    channel.leased_until = None
    if outcome.error is not None:
        _fail(channel, outcome, patience, now, chance)
        return
    channel.state, channel.failures, channel.last_error = "active", 0, None
    channel.last_delivered_at = now
    if delivery.notice is not None:
        channel.told_stamp = channel.last_stamp = delivery.notice.head
    elif channel.test_id == delivery.test_id:
        channel.test_id = None
    channel.next_try_at = None
    _owe(session, channel, now)


def recover(session: Session, *, now: datetime) -> int:
    """Make due what is behind its account's head and owes nothing; return how many there were.

    A net below the others: what is owed is noted in the transaction that ends the outbox's row.
    """
    behind = (
        select(Channel.id)
        .join(SyncHead, SyncHead.account_id == Channel.account_id)
        .where(
            Channel.state.in_(LIVE),
            Channel.next_try_at.is_(None),
            Channel.told_stamp < SyncHead.stamp,
        )
    )
    found = (
        update(Channel).where(Channel.id.in_(behind)).values(next_try_at=now).returning(Channel.id)
    )
    return len(session.scalars(found.execution_options(synchronize_session=False)).all())


def _owe(session: Session, channel: Channel, now: datetime) -> bool:
    """Note when the channel is to be told what it has not been told; tell whether there is any of that."""
    if channel.test_id is None and _news(session, channel) is None:
        return False
    spaced = channel.last_delivered_at and channel.last_delivered_at + SPACING
    channel.next_try_at = max(now, spaced or now)
    return True


def _news(session: Session, channel: Channel) -> ChangeNotification | None:
    """Return what is news to the channel; when nothing is, there is none up to the account's head."""
    head = pull.read_head(
        session, channel.account_id
    )  # before the news: none up to it can be missed
    news = notifications.find_changes(
        session, account_id=channel.account_id, agent_id=channel.agent_id, since=channel.told_stamp
    )
    if news is None:
        channel.told_stamp = max(channel.told_stamp, head)
    return news


def _fail(
    channel: Channel, outcome: Outcome, patience: Patience, now: datetime, chance: float
) -> None:
    channel.failures += 1
    channel.last_error = outcome.error
    if outcome.gone or channel.failures >= patience.tries_max:
        channel.state, channel.next_try_at, channel.test_id = "dead", None, None
        return
    channel.state = "failing"
    channel.next_try_at = now + max(patience.delay(channel.failures, chance=chance), outcome.wait)
