"""Dramatiq's broker, as every process that sends or runs actors knows it."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import dq_name
from dramatiq.middleware import AsyncIO, Retries, TimeLimit

from engine.config.settings import Settings
from engine.observability import logging
from worker.fanout.observability import Watch

TIME_LIMIT_MS = 30_000
# Dramatiq's defaults suit long jobs: a lost worker is noticed after a minute, a failure retried after 15 s.
HEARTBEAT_MS = 15_000
BACKOFF_MS = 500
BACKOFF_MAX_MS = 10_000

# What must feel immediate is told by web itself; each look costs a third of a millisecond.
IDLE_POLL_MS = 100

settings = Settings.from_env()
logging.configure(settings)


class Broker(RedisBroker):
    """Dramatiq's Redis broker, looking often enough for a notice to feel immediate."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        """Return a consumer that waits IDLE_POLL_MS between looks at an empty queue, not a second.

        What is put off for a retry waits longer than a second's looks anyway.
        """
        put_off = queue_name == dq_name(queue_name)
        return super().consume(
            queue_name, prefetch, timeout if put_off else min(timeout, IDLE_POLL_MS)
        )


broker = Broker(  # type: ignore[no-untyped-call] # Dramatiq's own
    url=settings.need("redis_url"),
    namespace="cloudapi",
    heartbeat_timeout=HEARTBEAT_MS,
    maintenance_chance=100_000,  # in a million: look for dead workers' messages at every tenth fetch
    # Of Dramatiq's own middleware what the actors use. Age limits, shutdown notices, callbacks and pipelines
    # are options that no actor sets: an actor ends by itself within its time limit.
    middleware=[
        TimeLimit(time_limit=TIME_LIMIT_MS),
        AsyncIO(),
        Watch(),
        # The relay sends anew whatever is not done, so a message need not outlive a minute of failures.
        Retries(max_retries=8, min_backoff=BACKOFF_MS, max_backoff=BACKOFF_MAX_MS),
    ],
)
dramatiq.set_broker(broker)
