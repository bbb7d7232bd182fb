"""Failed proofs slow the next ones down, twice as long each time; nobody is locked out for good.

Every try counts before it is judged, so that many at once gain nothing, and a right one wipes the slate.
Tries are counted by what is attacked, an account that exists or not, apart for each agent that the
account knows: who does not know the id of a person's own agent cannot keep that agent out.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import cast

import structlog
from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError

from engine.config.settings import Settings
from engine.errors import UnavailableError
from engine.observability import metrics
from web.http.problems import LimitedError

FREE = 5  # tries before any waiting
SECONDS_MAX = 900
FORGOTTEN_SECONDS = 86_400

# KEYS[1]: the slate. ARGV: free tries, longest wait, when it is forgotten. Answers the seconds to wait:
# 0 means that the try may go on, and has been counted.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tries', 'free_at')
local tries, free_at = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
if free_at > now then return tostring(free_at - now) end
tries = tries + 1
local wait = 0
if tries >= tonumber(ARGV[1]) then
  wait = math.min(2 ^ math.min(tries - tonumber(ARGV[1]), 30), tonumber(ARGV[2]))
end
redis.call('HSET', KEYS[1], 'tries', tries, 'free_at', string.format('%.6f', now + wait))
redis.call('EXPIRE', KEYS[1], ARGV[3])
return '0'
"""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Slates on Redis, under names from which nobody reads an email."""

    redis: Redis
    pepper: bytes

    @contextmanager
    def tried(self, *what: str) -> Iterator[None]:
        """Count a try at something, and wipe its slate when the body raises nothing.

        Without Redis the limits per address and session stand alone.

        :raises LimitedError: `too_many_tries`, when the slate says to wait.
        """
        key = f"tries:{self._name(what)}"
        try:
            seconds = float(
                cast(bytes, self.redis.eval(SCRIPT, 1, key, FREE, SECONDS_MAX, FORGOTTEN_SECONDS))
            )
        except RedisError as fault:
            structlog.get_logger().warning("tries_uncounted", error=type(fault).__name__)
            yield
            return
        if seconds > 0:
            metrics.REFUSALS.labels("tries").inc()
            detail = "Too many wrong tries; wait before the next one."
            raise LimitedError(detail, code="too_many_tries", retry_seconds=math.ceil(seconds))
        try:
            yield
        except UnavailableError:  # nothing was judged
            self._correct(lambda: self.redis.hincrby(key, "tries", -1))
            raise
        self._correct(lambda: self.redis.delete(key))

    def _correct(self, change: Callable[[], object]) -> None:
        try:
            change()
        except RedisError as fault:
            structlog.get_logger().warning("tries_kept", error=type(fault).__name__)

    def _name(self, what: tuple[str, ...]) -> str:
        parts = [hashlib.sha256(part.encode()).digest() for part in what]
        return hashlib.blake2b(b"".join(parts), key=self.pepper[:64], digest_size=16).hexdigest()


def configure(app: Flask, settings: Settings, redis: Redis) -> None:
    """Give the app its slates."""
    pepper = next(iter(settings.secrets("refresh_token_keys").values()))
    app.extensions["backoff"] = Backoff(redis, pepper)


def tried(*what: str) -> AbstractContextManager[None]:
    """Count a try with the app's slates, as `Backoff.tried` does."""
    found: Backoff = current_app.extensions["backoff"]
    return found.tried(*what)
