"""Retry policy: what an answer means, and the delay before the next try."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.egress.guard import Answer
from engine.notifications.retry_policy import (
    DELAY_MAX,
    RETRY_AFTER_MAX,
    ChannelRetryPolicy,
    DeliveryOutcome,
    classify_answer,
)

pytestmark = pytest.mark.unit


NOW = datetime(2026, 1, 2, tzinfo=UTC)
RETRY_POLICY = ChannelRetryPolicy(12, timedelta(seconds=5))


def classify(status: int, kind: str = "webhook", retry_after: str | None = None) -> DeliveryOutcome:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return classify_answer(kind, Answer(status, headers, b"", ""), now=NOW)


def test_each_wait_is_three_times_the_last_up_to_the_longest() -> None:
    waits = [RETRY_POLICY.delay(failures, chance=0.5) for failures in range(1, 12)]
    assert [wait.total_seconds() for wait in waits[:5]] == [5, 15, 45, 135, 405]
    assert waits[-1] == DELAY_MAX
    assert timedelta(hours=24) < sum(waits, timedelta()) < timedelta(hours=48)
    assert RETRY_POLICY.delay(1_000_000, chance=0.5) == DELAY_MAX


def test_chance_spreads_a_wait_a_fifth_either_way() -> None:
    assert RETRY_POLICY.delay(1, chance=0) == timedelta(seconds=4)
    assert RETRY_POLICY.delay(1, chance=1) == timedelta(seconds=6)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_is_one(status: int) -> None:
    assert classify(status) == DeliveryOutcome()


@pytest.mark.parametrize("status", [100, 301, 307, 400, 401, 403, 404, 408, 413, 500, 502, 504])
def test_everything_else_is_a_failure_under_its_status(status: int) -> None:
    assert classify(status) == DeliveryOutcome(f"http_{status}")


@pytest.mark.parametrize(("kind", "status"), [("webPush", 404), ("webPush", 410), ("webhook", 410)])
def test_what_is_gone_is_gone(kind: str, status: int) -> None:
    assert classify(status, kind) == DeliveryOutcome("gone", permanent=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        ("Fri, 02 Jan 2026 00:02:00 GMT", 120),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0),
        ("99999999999999", RETRY_AFTER_MAX.total_seconds()),
        ("-1", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_who_asks_for_time_gets_it_within_a_day(
    status: int, retry_after: str, seconds: float
) -> None:
    assert classify(status, retry_after=retry_after) == DeliveryOutcome(
        f"http_{status}", wait=timedelta(seconds=seconds)
    )


def test_nobody_else_is_asked_how_long_to_wait() -> None:
    assert classify(500, retry_after="120") == DeliveryOutcome("http_500")
