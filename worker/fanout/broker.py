"""Dramatiq's broker, which every process imports that sends messages or runs actors."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import dq_name
from dramatiq.middleware import AsyncIO, Retries, TimeLimit

from engine.config.settings import Settings
from engine.observability import logging
from worker.fanout.observability import MessageObserver

TIME_LIMIT_MS = 30_000
# Dramatiq's defaults suit long jobs: it notices a lost worker after a minute and retries a failure
# after 15 s.
HEARTBEAT_MS = 15_000
BACKOFF_MS = 500
BACKOFF_MAX_MS = 10_000

# Web itself publishes the notices that must be immediate. A poll costs 0.3 ms.
IDLE_POLL_MS = 100

settings = Settings.from_env()
logging.configure(settings)


class FastPollingBroker(RedisBroker):
    """Redis broker of Dramatiq that polls often enough for prompt notices."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        """Return a consumer that polls an empty queue every IDLE_POLL_MS instead of every second.

        The queue of delayed messages keeps its second, because retries wait longer anyway.
        """
        is_delay_queue = queue_name == dq_name(queue_name)
        poll_ms = timeout if is_delay_queue else min(timeout, IDLE_POLL_MS)
        return super().consume(queue_name, prefetch, poll_ms)


broker = FastPollingBroker(  # type: ignore[no-untyped-call] # as Dramatiq declares it
    url=settings.need("redis_url"),
    namespace="cloudapi",
    heartbeat_timeout=HEARTBEAT_MS,
    # In a million: every tenth fetch looks for messages of dead workers.
    maintenance_chance=100_000,
    # Only the middleware that the actors use. Age limits, shutdown notices, callbacks and pipelines
    # are options that no actor sets: an actor ends within its time limit.
    middleware=[
        TimeLimit(time_limit=TIME_LIMIT_MS),
        AsyncIO(),
        MessageObserver(),
        # The relay repeats lost messages, so one need not survive more than a minute of failures.
        Retries(max_retries=8, min_backoff=BACKOFF_MS, max_backoff=BACKOFF_MAX_MS),
    ],
)
dramatiq.set_broker(broker)
