"""How long a channel that fails is tried: what an answer means, and when the next try is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Self

from engine.config.settings import Settings
from engine.egress.guard import Answer

FACTOR = 3.0
STEPS_MAX = 20  # past any step that LONGEST does not cut
LONGEST = timedelta(hours=12)
ASKED_LONGEST = timedelta(days=1)  # of what an endpoint may ask for
JITTER = 0.2  # either way, so that what failed together is not tried again together
TOO_MANY, UNAVAILABLE = 429, 503
NOT_FOUND, GONE = 404, 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ended: well, or with an error, by a stable code that holds nothing of the other side."""

    error: str | None = None
    gone: bool = False  # there is nothing there to be tried again
    wait: timedelta = timedelta()  # at least this long before the next try


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how soon a failing channel is tried."""

    tries_max: int
    first: timedelta

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read it."""
        return cls(settings.channel_tries_max, timedelta(seconds=settings.channel_backoff_seconds))

    def delay(self, failures: int, *, chance: float) -> timedelta:
        """Return how long to wait after so many failures in a row; `chance`, from 0 to 1, spreads it."""
        longest = min(LONGEST, self.first * FACTOR ** min(failures - 1, STEPS_MAX))
        return longest * (1 - JITTER + 2 * JITTER * chance)


def judge(kind: str, answer: Answer, *, now: datetime) -> Outcome:
    """Return what a status means (RFC 8030 section 7.3; Standard Webhooks, delivery success and failure)."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of successes
        return Outcome()
    if answer.status == GONE or (kind == "webPush" and answer.status == NOT_FOUND):
        return Outcome("gone", gone=True)
    wait = timedelta()
    if answer.status in {TOO_MANY, UNAVAILABLE}:
        wait = min(ASKED_LONGEST, _asked(answer.headers.get("retry-after", ""), now))
    return Outcome(f"http_{answer.status}", wait=wait)


def _asked(text: str, now: datetime) -> timedelta:
    """Return what Retry-After asks for: seconds, or a date (RFC 9110 section 10.2.3)."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), ASKED_LONGEST.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return timedelta()
    return max(timedelta(), at.replace(tzinfo=at.tzinfo or UTC) - now)
