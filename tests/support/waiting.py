"""Waits for a condition, so that no test depends on how fast the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

UNTIL_SECONDS_MAX = 120


def until(condition: Callable[[], Any]) -> Any:
    """Return the first true value of the condition.

    :raises AssertionError: when there is none in time.
    """
    deadline = time.monotonic() + UNTIL_SECONDS_MAX
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("the condition never held")
