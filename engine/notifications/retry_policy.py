"""Retry policy of channels: what an endpoint's answer means, and when the next try is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Self

from engine.config.settings import Settings
from engine.egress.guard import Answer

BACKOFF_FACTOR = 3.0
BACKOFF_STEPS_MAX = 20  # beyond every step that DELAY_MAX does not limit
DELAY_MAX = timedelta(hours=12)
RETRY_AFTER_MAX = timedelta(days=1)  # of what an endpoint may request
RETRY_AFTER_CHARACTERS_MAX = 64  # more than a date has
JITTER = 0.2  # in both directions, so that deliveries that failed together do not retry together


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """Outcome of a delivery: success, or an error code without content of the endpoint's answer."""

    error: str | None = None
    permanent: bool = False  # the endpoint does not exist any more, so there is no next try
    wait: timedelta = timedelta()  # before the next try, at least


@dataclass(frozen=True, slots=True)
class ChannelRetryPolicy:
    """Number of tries, and the delay before the second one."""

    tries_max: int
    first_delay: timedelta

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the policy from the settings."""
        return cls(settings.channel_tries_max, timedelta(seconds=settings.channel_backoff_seconds))

    def delay(self, failures: int, *, chance: float) -> timedelta:
        """Return the delay after consecutive failures; `chance`, from 0 to 1, spreads it."""
        exponent = min(failures - 1, BACKOFF_STEPS_MAX)
        delay = min(DELAY_MAX, self.first_delay * BACKOFF_FACTOR**exponent)
        return delay * (1 - JITTER + 2 * JITTER * chance)


def classify_answer(kind: str, answer: Answer, *, now: datetime) -> DeliveryOutcome:
    """Return what an answer's status means.

    RFC 8030 section 7.3; Standard Webhooks, delivery success and failure.
    """
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return DeliveryOutcome()
    if answer.status == HTTPStatus.GONE or (
        kind == "webPush" and answer.status == HTTPStatus.NOT_FOUND
    ):
        return DeliveryOutcome("gone", permanent=True)
    wait = timedelta()
    if answer.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        retry_after = answer.headers.get("retry-after", "")
        wait = min(RETRY_AFTER_MAX, _parse_retry_after(retry_after, now))
    return DeliveryOutcome(f"http_{answer.status}", wait=wait)


def _parse_retry_after(text: str, now: datetime) -> timedelta:
    """Return the period of a Retry-After: seconds, or a date (RFC 9110 section 10.2.3)."""
    if len(text) > RETRY_AFTER_CHARACTERS_MAX:
        return timedelta()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), RETRY_AFTER_MAX.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return timedelta()
    return max(timedelta(), at.replace(tzinfo=at.tzinfo or UTC) - now)
