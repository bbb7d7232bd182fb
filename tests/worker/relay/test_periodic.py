"""Work beside the main one: a round that fails costs no other."""

import asyncio

import pytest
from structlog.testing import capture_logs

from worker.relay.periodic import rounds

pytestmark = pytest.mark.unit


async def test_whatever_a_round_meets_the_next_one_comes() -> None:
    meets: list[BaseException | None] = [ConnectionError("away"), KeyError("a defect"), None]
    done = asyncio.Event()

    async def work() -> None:
        met = meets.pop(0)
        if met is not None:
            raise met
        done.set()
        await asyncio.Event().wait()

    with capture_logs() as said:
        running = asyncio.create_task(rounds(work, seconds=0, failed="not_worked"))
        await asyncio.wait_for(done.wait(), 10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert [(line["log_level"], line["event"]) for line in said] == [
        ("warning", "not_worked"),
        ("error", "not_worked"),
    ]
