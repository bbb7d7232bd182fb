"""Channels process: Dramatiq actor that delivers notices to push services and webhooks.

It is a process of its own, so that slow endpoints delay nothing else.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

import dramatiq
import structlog
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread
from sqlalchemy.orm import Session, sessionmaker

from engine.notifications import deliveries
from engine.notifications.deliveries import ChannelDelivery, DeliveryShares
from engine.notifications.retry_policy import ChannelRetryPolicy, DeliveryOutcome
from engine.notifications.sender import NotificationSender
from engine.store.sessions import make_sessions
from worker.fanout.broker import settings

QUEUE = "channels"
DELIVERIES_PER_ACCOUNT = 16  # at once, of the process's 64 threads

_shares = DeliveryShares(DELIVERIES_PER_ACCOUNT)


@cache
def _sessions() -> sessionmaker[Session]:
    """Create the pool at the first message, because Dramatiq forks after it loads this module."""
    return make_sessions(settings)


@cache
def _sender() -> NotificationSender:
    return NotificationSender.from_settings(settings)


@cache
def _loop() -> EventLoopThread:
    """Return the event loop of all requests."""
    thread = get_event_loop_thread()
    if thread is None:
        raise RuntimeError("Dramatiq did not start an event loop")
    return thread


@dramatiq.actor(queue_name=QUEUE)
def deliver(channel_id: str) -> None:
    """Deliver a channel's notice if it is due; the message contains ids only."""
    with _sessions().begin() as session:
        delivery = deliveries.claim(session, channel_id=UUID(channel_id), now=datetime.now(UTC))
    if delivery is None:
        return
    with _shares.hold(delivery.channel.account_id) as is_within:
        outcome = _send(_sender(), delivery) if is_within else None
    with _sessions().begin() as session:
        if outcome is None:
            deliveries.postpone(session, delivery, now=datetime.now(UTC))
            return
        deliveries.record_outcome(
            session,
            delivery,
            outcome,
            retry_policy=ChannelRetryPolicy.from_settings(settings),
            now=datetime.now(UTC),
            chance=random.random(),  # noqa: S311 - it spreads tries and protects nothing
        )


def _send(sender: NotificationSender, delivery: ChannelDelivery) -> DeliveryOutcome:
    """Send a notice; an unexpected error counts as a failed try of the channel."""
    try:
        return _loop().run_coroutine(sender.send(delivery, now=datetime.now(UTC)))
    except Exception as fault:  # noqa: BLE001 - whatever it is, the channel's tries are limited
        structlog.get_logger().error(
            "not_sent", channel=str(delivery.channel.id), error=type(fault).__name__
        )
        return DeliveryOutcome("internal")
