"""Exponential backoff of failed proofs of identity; nobody is locked out permanently.

An attempt is counted before it is verified, so that concurrent attempts gain nothing, and a right
one resets the count. Attempts are counted per account, whether it exists or not, and apart for each
agent that the account knows. Whoever does not know the id of the owner's agent cannot block it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
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

FREE_ATTEMPTS = 5
WAIT_SECONDS_MAX = 900
EXPIRY_SECONDS = 86_400

# KEYS[1]: counter of the subject. ARGV: free attempts, longest wait, expiry, in seconds.
# Returns the seconds to wait; 0 means that the attempt was counted and may proceed.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local fields = redis.call('HMGET', KEYS[1], 'tries', 'free_at')
local tries, free_at = tonumber(fields[1]) or 0, tonumber(fields[2]) or 0
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
class LoginBackoff:
    """Counters of attempts on Redis; their keys are keyed hashes, which reveal no email."""

    redis: Redis
    pepper: bytes

    @contextmanager
    def attempt(self, *subject: str) -> Iterator[None]:
        """Count an attempt against a subject; reset the count when the body raises nothing.

        Without Redis only the limits per address and session apply.

        :raises LimitedError: `too_many_tries`, when the subject has to wait.
        """
        key = f"tries:{self._hash(subject)}"
        arguments = FREE_ATTEMPTS, WAIT_SECONDS_MAX, EXPIRY_SECONDS
        try:
            seconds = float(cast(bytes, self.redis.eval(SCRIPT, 1, key, *arguments)))
        except RedisError as fault:
            structlog.get_logger().warning("attempt_uncounted", error=type(fault).__name__)
            yield
            return
        if seconds > 0:
            metrics.REFUSALS.labels("tries").inc()
            detail = "Too many wrong attempts; wait before the next one."
            raise LimitedError(detail, code="too_many_tries", retry_seconds=math.ceil(seconds))
        try:
            yield
        except UnavailableError:  # the attempt was not verified
            with _log_redis_errors():
                self.redis.hincrby(key, "tries", -1)
            raise
        with _log_redis_errors():
            self.redis.delete(key)

    def _hash(self, subject: tuple[str, ...]) -> str:
        parts = [hashlib.sha256(part.encode()).digest() for part in subject]
        return hashlib.blake2b(b"".join(parts), key=self.pepper[:64], digest_size=16).hexdigest()


def configure(app: Flask, settings: Settings, redis: Redis) -> None:
    """Create the app's counters of attempts."""
    pepper = next(iter(settings.secrets("refresh_token_keys").values()))
    app.extensions["login_backoff"] = LoginBackoff(redis, pepper)


def attempt(*subject: str) -> AbstractContextManager[None]:
    """Count an attempt with the app's counters, as `LoginBackoff.attempt` does."""
    backoff: LoginBackoff = current_app.extensions["login_backoff"]
    return backoff.attempt(*subject)


@contextmanager
def _log_redis_errors() -> Iterator[None]:
    try:
        yield
    except RedisError as fault:
        structlog.get_logger().warning("attempt_not_corrected", error=type(fault).__name__)
