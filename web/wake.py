"""Waking the relay: a word on Redis after a commit, best effort; without it the relay looks by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog
from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError

from engine.settings import Settings
from engine.store import outbox

REDIS_SECONDS_MAX = 0.25
PAUSE_SECONDS = 5.0  # how long Redis is left alone after it failed


@dataclass(slots=True)
class Bell:
    """A Redis client that is left alone for a while once it has failed."""

    redis: Redis
    silent_until: float = 0.0

    def publish(self, channel: str, text: str) -> None:
        """Publish a word, unless Redis has just failed."""
        if time.monotonic() < self.silent_until:
            return
        try:
            self.redis.publish(channel, text)
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
        )
    )


def relay() -> None:
    """Tell the relay that the outbox has something."""
    publish(outbox.WAKE, "")


def publish(channel: str, text: str) -> None:
    """Say something on Redis, best effort."""
    bell: Bell = current_app.extensions["bell"]
    bell.publish(channel, text)
