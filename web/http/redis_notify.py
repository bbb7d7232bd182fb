"""A word on Redis after a commit, best effort: the relay is woken, and streams are hinted at a change.

Without it the relay looks by itself, and streams hear of the change from what it carries.
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
from engine.sync import notifications
from web.http import authentication

REDIS_SECONDS_MAX = 0.25
PAUSE_SECONDS = 5.0  # how long Redis is left alone after it failed


@dataclass(slots=True)
class Bell:
    """A Redis client that is left alone for a while once it has failed."""

    redis: Redis
    silent_until: float = 0.0

    def publish(self, *words: tuple[str, str]) -> None:
        """Publish words, each on its channel, in one trip, unless Redis has just failed."""
        if time.monotonic() < self.silent_until:
            return
        try:
            with self.redis.pipeline(transaction=False) as pipeline:
                for channel, text in words:
                    pipeline.publish(channel, text)
                pipeline.execute()
        except RedisError as fault:
            self.silent_until = time.monotonic() + PAUSE_SECONDS
            structlog.get_logger().warning("not_published", error=type(fault).__name__)


def configure(app: Flask, settings: Settings) -> None:
    """Give the app its bell."""
    app.extensions["bell"] = Bell(
        Redis.from_url(
            settings.need("redis_url"),
            socket_timeout=REDIS_SECONDS_MAX,
            socket_connect_timeout=REDIS_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),  # three tries by default, a second apart
        )
    )


def relay() -> None:
    """Tell the relay that the outbox has something."""
    publish(outbox.WAKE, "")


def changed(newest: Mapping[str, int]) -> None:
    """Tell the relay, and ahead of it the streams, what the asking agent has written: stamps by type."""
    who = authentication.identity()
    channel = notifications.hint_channel(who.account_id)
    told = [
        notifications.write_hint(agent_id=who.agent_id, head=head, types=[kind])
        for kind, head in newest.items()
    ]
    bell().publish(*((channel, hint) for hint in told), (outbox.WAKE, ""))


def publish(channel: str, text: str) -> None:
    """Say something on Redis, best effort."""
    bell().publish((channel, text))


def bell() -> Bell:
    """Return the app's bell."""
    found: Bell = current_app.extensions["bell"]
    return found
