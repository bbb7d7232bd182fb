"""Exponential backoff of failed proofs of identity; nobody is locked out permanently.

An attempt is counted before it is verified, so that concurrent attempts gain nothing, and a right
one resets its counters. Passwords are counted by what a stranger cannot choose or learn: whether
the account or an agent exists changes no answer.

- A client that shows an access token of a session of the account, even an expired one, has the
  counter of that session alone. Nobody else can use this counter up.
- All others are counted by email, address and agent id; by email and address; and by email. The
  last counter bounds guesses from many addresses. An address from which the right password came
  lately is exempt from it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
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
FREE_ATTEMPTS_OF_ADDRESS = 10
FREE_ATTEMPTS_OF_ACCOUNT = 100  # NIST SP 800-63B section 3.2.2 permits no more in a row
WAIT_SECONDS_MAX = 900
EXPIRY_SECONDS = 86_400
FAMILIAR_SECONDS = 30 * 86_400

# KEYS: the counters, then the mark of a familiar address, which exempts from the last counter.
# ARGV: longest wait and expiry in seconds, then the free attempts of each counter.
# Returns the seconds to wait; 0 means that all counters have counted the attempt.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local counters, wait = #KEYS - 1, 0
if counters > 1 and redis.call('EXISTS', KEYS[#KEYS]) == 1 then counters = counters - 1 end
for i = 1, counters do
  wait = math.max(wait, (tonumber(redis.call('HGET', KEYS[i], 'free_at')) or 0) - now)
end
if wait > 0 then return {tostring(wait), 0} end
for i = 1, counters do
  local tries, free = redis.call('HINCRBY', KEYS[i], 'tries', 1), tonumber(ARGV[i + 2])
  if tries >= free then
    local pause = math.min(2 ^ math.min(tries - free, 30), tonumber(ARGV[1]))
    redis.call('HSET', KEYS[i], 'free_at', string.format('%.6f', now + pause))
  end
  redis.call('EXPIRE', KEYS[i], ARGV[2])
end
return {'0', counters}
"""


@dataclass(frozen=True, slots=True)
class AttemptCounter:
    """Counter of attempts of one subject, and how many of them wait for nothing."""

    subject: tuple[str, ...]
    free: int = FREE_ATTEMPTS


@dataclass(frozen=True, slots=True)
class LoginBackoff:
    """Counters of attempts on Redis; their keys are keyed hashes, which reveal no email."""

    redis: Redis
    pepper: bytes

    @contextmanager
    def attempt(
        self, counters: Sequence[AttemptCounter], *, familiar: tuple[str, ...] = ()
    ) -> Iterator[None]:
        """Count an attempt; reset the counters when the body raises nothing.

        `familiar` names an address that the right attempt makes familiar. Without Redis only the
        limits per address and session apply.

        :raises LimitedError: `too_many_tries`, when one of the counters says to wait.
        """
        tag = self._hash(counters[0].subject[:2])  # all keys share a slot of a Redis cluster
        keys = [f"tries:{{{tag}}}:{self._hash(counter.subject)}" for counter in counters]
        mark = f"familiar:{{{tag}}}:{self._hash(familiar)}"
        arguments = [WAIT_SECONDS_MAX, EXPIRY_SECONDS, *(counter.free for counter in counters)]
        try:
            reply = self.redis.eval(SCRIPT, len(keys) + 1, *keys, mark, *arguments)
        except RedisError as fault:
            structlog.get_logger().warning("attempt_uncounted", error=type(fault).__name__)
            yield
            return
        wait, count = cast(tuple[bytes, int], reply)
        seconds = float(wait)
        if seconds > 0:
            metrics.REFUSALS.labels("tries").inc()
            detail = "Too many wrong attempts; wait before the next one."
            raise LimitedError(detail, code="too_many_tries", retry_seconds=math.ceil(seconds))
        try:
            yield
        except UnavailableError:  # the attempt was not verified
            with _log_redis_errors():
                for key in keys[:count]:
                    self.redis.hincrby(key, "tries", -1)
            raise
        with _log_redis_errors():
            self.redis.delete(*keys)
            if familiar:
                self.redis.set(mark, "", ex=FAMILIAR_SECONDS)

    def _hash(self, subject: tuple[str, ...]) -> str:
        parts = [hashlib.sha256(part.encode()).digest() for part in subject]
        return hashlib.blake2b(b"".join(parts), key=self.pepper[:64], digest_size=16).hexdigest()


def configure(app: Flask, settings: Settings, redis: Redis) -> None:
    """Create the app's counters of attempts."""
    pepper = next(iter(settings.secrets("refresh_token_keys").values()))
    app.extensions["login_backoff"] = LoginBackoff(redis, pepper)


def attempt(*subject: str) -> AbstractContextManager[None]:
    """Count an attempt of one subject with the app's counters."""
    return _backoff().attempt([AttemptCounter(subject)])


def attempt_password(
    email: str, *, session_id: str | None, address: str, agent_id: str
) -> AbstractContextManager[None]:
    """Count an attempt at the password of an email, whether it has an account or not.

    `session_id` is a session of the account that the client has shown to be its own.
    """
    if session_id is not None:
        return attempt("password", email, "session", session_id)
    counters = [
        AttemptCounter(("password", email, "agent", address, agent_id)),
        AttemptCounter(("password", email, "address", address), FREE_ATTEMPTS_OF_ADDRESS),
        AttemptCounter(("password", email, "account"), FREE_ATTEMPTS_OF_ACCOUNT),
    ]
    return _backoff().attempt(counters, familiar=("familiar", email, address))


def _backoff() -> LoginBackoff:
    backoff: LoginBackoff = current_app.extensions["login_backoff"]
    return backoff


@contextmanager
def _log_redis_errors() -> Iterator[None]:
    try:
        yield
    except RedisError as fault:
        structlog.get_logger().warning("attempt_not_corrected", error=type(fault).__name__)
