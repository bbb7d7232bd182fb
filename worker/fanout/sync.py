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
THREADS = 8  # as the Procfile says: each needs a connection at times, and making one takes longer than its use


@cache
def _sessions() -> sessionmaker[Session]:
    """Make the pool at the first message: Dramatiq forks its workers after this module is loaded."""
    return make_sessions(settings, pool_size=THREADS)


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.need("redis_url"))


@dramatiq.actor(queue_name=QUEUE)
def fan_out(account_id: str) -> None:
    """Tell the account's agents what is new to them, live streams first; ids only in the message."""
    now = datetime.now(UTC)
    with _sessions().begin() as session:
        audit_log.deliver(session, _redis().publish, account_id=UUID(account_id))
        head = notifications.deliver(session, _redis().publish, account_id=UUID(account_id))
        due = deliveries.mark(session, account_id=UUID(account_id), now=now)
    if head is not None:
        metrics.FANOUT_LAG_SECONDS.observe(
            max(0.0, (now - timestamps.moment(head)).total_seconds())
        )
    for channel_id in due:
        deliver.send(str(channel_id))
