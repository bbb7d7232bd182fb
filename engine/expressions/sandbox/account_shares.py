"""Shares of accounts in the places of a pool, such as the activities of a worker.

One account never has more places than its share, so the others find a place free.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

DELAY_SECONDS_MIN = 0.25
DELAY_SECONDS_MAX = 300.0
RECENT_WEIGHT = 0.2  # of the newest duration in the mean of an account's durations


class CrowdedError(Exception):
    """The account uses its whole share; in about `seconds` it may have a place again."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the account uses its share of the places")
        self.seconds = seconds


@dataclass(slots=True, eq=False)
class _Usage:
    """Places that an account has, and what is known of how long it has them."""

    places: asyncio.Semaphore
    clients: int = 0  # holders and waiters
    waiters: int = 0
    starts: dict[object, float] = field(default_factory=dict)  # of its holders, oldest first
    mean_seconds: float = 0.0
    next_turn: float = 0.0  # when the last refused client may come back


class AccountShares:
    """Places in a pool, at most `share` for each account at a time.

    A client whose account uses its share waits for one of the account's own places. With
    `wait_seconds`, at most `share` clients of an account wait, and no longer than this. The others
    are refused, so that they give back what they have meanwhile. A refusal says when to come back.
    Refused clients come back one after the other, at the pace at which the account's places become
    free. So an account whose work takes long costs few further tries, and quick work loses little.
    """

    def __init__(
        self,
        share: int,
        *,
        wait_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._share = share
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._usages: dict[str, _Usage] = {}

    @asynccontextmanager
    async def hold(self, account_id: str) -> AsyncIterator[None]:
        """Have a place during the block.

        :raises CrowdedError: when the account has no place within `wait_seconds`.
        """
        usage = self._usages.get(account_id)
        if usage is None:
            usage = self._usages[account_id] = _Usage(asyncio.Semaphore(self._share))
        usage.clients += 1
        try:
            await self._acquire(usage)
            holder, start = object(), self._clock()
            usage.starts[holder] = start
            try:
                yield
            finally:
                del usage.starts[holder]
                newest = self._clock() - start
                usage.mean_seconds += RECENT_WEIGHT * (newest - usage.mean_seconds)
                usage.places.release()
        finally:
            usage.clients -= 1
            if not usage.clients:
                del self._usages[account_id]

    async def _acquire(self, usage: _Usage) -> None:
        if self._wait_seconds is not None and usage.places.locked():
            if usage.waiters >= self._share:
                raise CrowdedError(self._delay(usage))
            usage.waiters += 1
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await usage.places.acquire()
            except TimeoutError:
                raise CrowdedError(self._delay(usage)) from None
            finally:
                usage.waiters -= 1
        else:
            await usage.places.acquire()

    def _delay(self, usage: _Usage) -> float:
        """Return in how many seconds a refused client may come back."""
        now = self._clock()
        oldest = next(iter(usage.starts.values()), now)
        seconds_per_place = max(usage.mean_seconds, now - oldest) / self._share
        usage.next_turn = max(now, usage.next_turn) + seconds_per_place
        return min(max(usage.next_turn - now, DELAY_SECONDS_MIN), DELAY_SECONDS_MAX)
