"""Notifications on Redis after a commit, best effort: they wake the relay and the live streams.

When one is lost, the relay finds the outbox message by polling, and streams get the change through
the relay.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from engine.config.settings import Settings
from engine.store import outbox
from engine.store.account_scope import AgentScope
from engine.sync import notifications
from engine.temporal.outages import is_outage

REDIS_SECONDS_MAX = 0.25
PAUSE_SECONDS = 5.0  # without publishing, after Redis failed


@dataclass(slots=True)
class RedisPublisher:
    """Publisher that pauses when Redis does not answer, so that requests do not wait for it."""

    redis: Redis
    paused_until: float = 0.0

    def publish(self, *messages: tuple[str, str]) -> None:
        """Publish pairs of channel and text in one round trip, unless Redis has just failed."""
        if time.monotonic() < self.paused_until:
            return
        try:
            with self.redis.pipeline(transaction=False) as pipeline:
                for channel, text in messages:
                    pipeline.publish(channel, text)
                pipeline.execute()
        except RedisError as fault:
            if is_outage(fault):  # what Redis refuses concerns one message
                self.paused_until = time.monotonic() + PAUSE_SECONDS
            structlog.get_logger().warning("not_published", error=type(fault).__name__)


def configure(app: Flask, settings: Settings) -> None:
    """Create the app's publisher."""
    app.extensions["redis_publisher"] = RedisPublisher(
        Redis.from_url(
            settings.need("redis_url"),
            socket_timeout=REDIS_SECONDS_MAX,
            socket_connect_timeout=REDIS_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),  # the default is three tries, a second apart
        )
    )


def wake_relay() -> None:
    """Notify the relay that the outbox has a message."""
    publish(outbox.WAKE, "")


def publish_changes(scope: AgentScope, newest: Mapping[str, int]) -> None:
    """Notify the relay and the live streams of an agent's changes: newest stamps by type."""
    channel = notifications.hint_channel(scope.account_id)
    messages = [
        (channel, notifications.write_hint(agent_id=scope.agent_id, head=head, types=[kind]))
        for kind, head in newest.items()
    ]
    publisher().publish(*messages, (outbox.WAKE, ""))


def publish(channel: str, text: str) -> None:
    """Publish a text on a channel, best effort."""
    publisher().publish((channel, text))


def publisher() -> RedisPublisher:
    """Return the publisher of the current app."""
    current: RedisPublisher = current_app.extensions["redis_publisher"]
    return current
