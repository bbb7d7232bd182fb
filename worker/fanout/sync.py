"""Fan-out process: Dramatiq actor that notifies an account's other agents of a change."""

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
from engine.store.account_scope import AccountScope
from engine.store.sessions import make_sessions
from engine.sync import notifications
from worker.fanout.broker import settings
from worker.fanout.notifications import deliver

QUEUE = "fanout"
# As in the Procfile. Each thread has a connection, because opening one takes longer than using it.
THREADS = 8


@cache
def _sessions() -> sessionmaker[Session]:
    """Create the pool at the first message, because Dramatiq forks after it loads this module."""
    return make_sessions(settings, pool_size=THREADS)


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.need("redis_url"))


@dramatiq.actor(queue_name=QUEUE)
def fan_out(account_id: str) -> None:
    """Notify the account's agents, live streams first; the message contains ids only."""
    now = datetime.now(UTC)
    with _sessions().begin() as session:
        audit_log.deliver(session, _redis().publish, account_id=UUID(account_id))
        broadcast = notifications.take_broadcast(session, UUID(account_id))
        if broadcast is not None and broadcast.by_agent:
            _redis().publish(notifications.channel(account_id), broadcast.message)
        scope = AccountScope(session, UUID(account_id), now)
        due_ids = deliveries.schedule_deliveries(scope)
    if broadcast is not None:
        lag = now - timestamps.to_datetime(broadcast.head)
        metrics.FANOUT_LAG_SECONDS.observe(max(0.0, lag.total_seconds()))
    for channel_id in due_ids:
        deliver.send(str(channel_id))
