"""The fan-out process: Dramatiq actors that tell an account's other agents of a change."""

from __future__ import annotations

from functools import cache
from uuid import UUID

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Callbacks, Pipelines, Retries, ShutdownNotifications, TimeLimit
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from engine import audit, logs
from engine.settings import Settings
from engine.store.sessions import make_sessions
from engine.sync import notices

QUEUE = "fanout"
TIME_LIMIT_MS = 30_000
# Dramatiq's defaults suit long jobs: a lost worker is noticed after a minute, a failure retried after 15 s.
HEARTBEAT_MS = 15_000
BACKOFF_MS = 500
BACKOFF_MAX_MS = 10_000

IDLE_POLL_MS = 25

settings = Settings.from_env()
logs.configure(settings)


class Broker(RedisBroker):
    """Dramatiq's Redis broker, looking often enough for a notice to feel immediate."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        """Return a consumer that waits IDLE_POLL_MS between looks at an empty queue, not a second."""
        return super().consume(queue_name, prefetch, min(timeout, IDLE_POLL_MS))


broker = Broker(  # type: ignore[no-untyped-call] # Dramatiq's own
    url=settings.need("redis_url"),
    namespace="cloudapi",
    heartbeat_timeout=HEARTBEAT_MS,
    maintenance_chance=100_000,  # in a million: look for dead workers' messages at every tenth fetch
    middleware=[
        AgeLimit(),
        TimeLimit(time_limit=TIME_LIMIT_MS),
        ShutdownNotifications(),
        Callbacks(),
        Pipelines(),
        # The relay sends anew whatever is not done, so a message need not outlive a minute of failures.
        Retries(max_retries=8, min_backoff=BACKOFF_MS, max_backoff=BACKOFF_MAX_MS),
    ],
)
dramatiq.set_broker(broker)


@cache
def _sessions() -> sessionmaker[Session]:
    """Make the pool at the first message: Dramatiq forks its workers after this module is loaded."""
    return make_sessions(settings)


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.need("redis_url"))


@dramatiq.actor(queue_name=QUEUE)
def fan_out(account_id: str) -> None:
    """Tell the account's agents what is new to them; ids only in the message."""
    with _sessions().begin() as session:
        audit.deliver(session, _redis().publish, account_id=UUID(account_id))
        notices.deliver(session, _redis().publish, account_id=UUID(account_id))
