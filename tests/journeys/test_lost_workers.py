"""A worker is lost for good: its executions end by time-out, and their owner is notified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.workflows.executions.forced_ends import TIMED_OUT
from tests.support.journeys.executions import (
    start_sleeper,
    started_to_wait,
    statuses,
    wait_for_end,
    without_worker,
)
from tests.support.journeys.fragile import Fragile
from tests.support.platform import new_agent
from tests.support.waiting import until

pytestmark = pytest.mark.journey


@contextmanager
def brief(fragile: Fragile) -> Iterator[None]:
    """Have web start executions that may take a few seconds only, while the body runs."""
    environ = fragile.platform.environ
    fragile.kill("web")
    environ["EXECUTION_SECONDS_MAX"] = "5"
    fragile.revive("web")
    try:
        yield
    finally:
        fragile.kill("web")
        del environ["EXECUTION_SECONDS_MAX"]
        fragile.revive("web")


async def test_an_execution_whose_worker_is_lost_for_good_ends_with_its_time(
    fragile: Fragile,
) -> None:
    with brief(fragile), new_agent(fragile.platform) as laptop:
        workflow_id, execution_id = start_sleeper(laptop)
        await started_to_wait(fragile, execution_id)
        with without_worker(fragile):
            assert until(lambda: statuses(laptop, workflow_id, execution_id) == {"failed"})
            error = wait_for_end(laptop, execution_id)["error"]
        assert error["type"].endswith("/timeout")
        assert laptop.open(error["sealed"])["detail"] == TIMED_OUT.detail
