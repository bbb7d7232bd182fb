"""Wait for a condition, so that no test depends on the speed of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bin.devtools.stack.server import READY_SECONDS_MAX

# A restarted server may take READY_SECONDS_MAX until it answers, and its clients as long again to
# connect. A condition that comes to hold ends the wait at once, so a wide bound costs
# nothing but time in a test that fails anyway.
UNTIL_SECONDS_MAX = 2 * READY_SECONDS_MAX


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
