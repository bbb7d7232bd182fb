"""No account has all places of a pool, and those past their share wait without a place."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from engine.expressions.sandbox.account_shares import (
    DELAY_SECONDS_MAX,
    DELAY_SECONDS_MIN,
    AccountShares,
    CrowdedError,
)

pytestmark = pytest.mark.unit


class Clock:
    """A clock that stands still until it is put forward."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def hold(shares: AccountShares, account: str, stack: AsyncExitStack) -> None:
    await stack.enter_async_context(shares.hold(account))


async def delay_of(shares: AccountShares, account: str) -> float:
    with pytest.raises(CrowdedError) as refusal:
        async with shares.hold(account):
            pass
    return refusal.value.seconds


async def test_an_account_past_its_share_is_refused_and_all_others_are_served() -> None:
    shares = AccountShares(2, wait_seconds=0)
    async with AsyncExitStack() as places:
        for account in ("greedy", "greedy", "other", "other"):
            await hold(shares, account, places)
        assert await delay_of(shares, "greedy") >= DELAY_SECONDS_MIN
        await hold(shares, "third", places)
    async with shares.hold("greedy"):
        pass


async def test_who_waits_has_the_next_place_of_its_account_and_few_wait() -> None:
    shares, order = AccountShares(1, wait_seconds=60), list[str]()

    async def work() -> None:
        async with shares.hold("a"):
            order.append("second")

    async with shares.hold("a"):
        waiter = asyncio.create_task(work())
        await asyncio.sleep(0)
        assert await delay_of(shares, "a") >= DELAY_SECONDS_MIN, "one waits already"
        order.append("first")
    await waiter
    assert order == ["first", "second"]


async def test_without_a_limit_of_waiting_nobody_is_refused() -> None:
    shares, count = AccountShares(1), 0

    async def work() -> None:
        nonlocal count
        async with shares.hold("a"):
            count += 1

    await asyncio.gather(*(work() for _ in range(20)))
    assert count == 20


async def test_a_waiter_that_is_cancelled_takes_no_place() -> None:
    shares = AccountShares(1)
    async with shares.hold("a"):
        waiter = asyncio.create_task(delay_of(shares, "a"))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    async with asyncio.timeout(60), shares.hold("a"):
        pass


async def test_refused_clients_come_back_at_the_pace_at_which_places_become_free() -> None:
    clock = Clock()
    shares = AccountShares(2, wait_seconds=0, clock=clock)
    async with AsyncExitStack() as places:
        await hold(shares, "slow", places)
        await hold(shares, "slow", places)
        clock.seconds += 10  # so a place becomes free every five seconds
        assert [await delay_of(shares, "slow") for _ in range(3)] == [5, 10, 15]
        clock.seconds += 10
        assert await delay_of(shares, "slow") == 15, "now every ten seconds, after the third"
        clock.seconds += 1000
        assert await delay_of(shares, "slow") == DELAY_SECONDS_MAX


async def test_quick_work_comes_back_soon() -> None:
    clock = Clock()
    shares = AccountShares(1, wait_seconds=0, clock=clock)
    async with shares.hold("quick"):
        clock.seconds += 0.01
        assert [await delay_of(shares, "quick") for _ in range(10)] == [DELAY_SECONDS_MIN] * 10
