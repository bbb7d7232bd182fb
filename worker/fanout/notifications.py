"""The channels process: what is told to push services and webhooks, apart from all that others wait for."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

import dramatiq
import structlog
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread
from sqlalchemy.orm import Session, sessionmaker

from engine.notifications import deliveries
from engine.notifications.deliveries import Delivery
from engine.notifications.retry_policy import Outcome, Patience
from engine.notifications.sender import Courier
from engine.store.sessions import make_sessions
from worker.fanout.broker import settings

QUEUE = "channels"
LOOKUPS_MOST = (
    64  # a name that is resolved slowly holds up no other; as many as the process has threads
)


@cache
def _sessions() -> sessionmaker[Session]:
    """Make the pool at the first message: Dramatiq forks its workers after this module is loaded."""
    return make_sessions(settings)


@cache
def _courier() -> Courier:
    return Courier.from_settings(settings)


@cache
def _loop() -> EventLoopThread:
    """Return the loop that all requests are made on."""
    thread = get_event_loop_thread()
    if thread is None:
        raise RuntimeError("Dramatiq has started no event loop")
    thread.loop.set_default_executor(ThreadPoolExecutor(LOOKUPS_MOST))
    return thread


@dramatiq.actor(queue_name=QUEUE)
def deliver(channel_id: str) -> None:
    """Tell a channel what is new to it, if that is due; ids only in the message."""
    with _sessions().begin() as session:
        delivery = deliveries.claim(session, channel_id=UUID(channel_id), now=datetime.now(UTC))
    if delivery is None:
        return
    outcome = _sent(_courier(), delivery)
    with _sessions().begin() as session:
        deliveries.settle(
            session,
            delivery,
            outcome,
            patience=Patience.from_settings(settings),
            now=datetime.now(UTC),
            chance=random.random(),  # noqa: S311 - spreads tries, guards nothing
        )


def _sent(courier: Courier, delivery: Delivery) -> Outcome:
    """Send; what nobody expected counts as a failure, so that it ends as one."""
    try:
        return _loop().run_coroutine(courier.send(delivery, now=datetime.now(UTC)))
    except Exception as fault:  # noqa: BLE001 - a channel that breaks us is no better than one that is broken
        structlog.get_logger().error(
            "not_sent", channel=str(delivery.channel.id), error=type(fault).__name__
        )
        return Outcome("internal")
