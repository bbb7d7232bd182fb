"""Values that tests of channels share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from engine.notifications.retry_policy import ChannelRetryPolicy
from engine.store.accounts import Channel

NOW = datetime(2026, 1, 2, tzinfo=UTC)
URL = "https://hooks.example.org/"
SECOND = timedelta(seconds=1)
RETRY_POLICY = ChannelRetryPolicy(3, 5 * SECOND)
Push = Callable[..., int]
Add = Callable[..., Channel]
