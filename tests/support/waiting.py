"""Wait for a condition, so that no test depends on the speed of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

UNTIL_SECONDS_MAX = 120


def until(condition: Callable[[], Any]) -> Any:
    """Return the first true value of the condition.

    :raises AssertionError: when there is none within UNTIL_SECONDS_MAX
    """
    deadline = time.monotonic() + UNTIL_SECONDS_MAX
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("the condition never held")
