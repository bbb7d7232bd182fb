"""The fan-out process: Dramatiq actors that tell an account's other agents of a change."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from uuid import UUID

import dramatiq
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from engine.accounts import audit_log
from engine.contracts import timestamps
from engine.notifications import deliveries
from engine.observability import metrics
from engine.store.sessions import make_sessions
from engine.sync import notifications
from worker.fanout.broker import settings
from worker.fanout.notifications import deliver

QUEUE = "fanout"
# As in the Procfile. Each thread needs a connection at times; making one takes longer than its use.
THREADS = 8


@cache
def _sessions() -> sessionmaker[Session]:
    """Make the pool at the first message: Dramatiq forks its workers after it loads this module."""
    return make_sessions(settings, pool_size=THREADS)


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.need("redis_url"))


@dramatiq.actor(queue_name=QUEUE)
def fan_out(account_id: str) -> None:
    """Notify the account's agents of changes, live streams first; the message has ids only."""
    now = datetime.now(UTC)
    with _sessions().begin() as session:
        audit_log.deliver(session, _redis().publish, account_id=UUID(account_id))
        broadcast = notifications.take_broadcast(session, UUID(account_id))
        if broadcast is not None and broadcast.by_agent:
            _redis().publish(notifications.channel(account_id), broadcast.message)
        due = deliveries.mark(session, account_id=UUID(account_id), now=now)
    if broadcast is not None:
        lag = now - timestamps.to_datetime(broadcast.head)
        metrics.FANOUT_LAG_SECONDS.observe(max(0.0, lag.total_seconds()))
    for channel_id in due:
        deliver.send(str(channel_id))
