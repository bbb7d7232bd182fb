"""Places for work that only few may do at once: each account has a share, and they take turns."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class AccountPlaces:
    """Places of one event loop, and a line of waiting tasks for each account.

    :param places: how many may be taken at once.
    :param share: how many of them one account may take. Work of no account in particular, whose
        account is empty, has no share.
    """

    def __init__(self, places: int, *, share: int) -> None:
        self._places, self._share = places, share
        self._taken = Counter[str]()
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, account: str) -> None:
        """Wait for a place; whoever takes one calls `leave` once."""
        if account not in self._lines and self._is_free(account):
            self._taken[account] += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(account, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave(account)  # the place came at the same moment as the cancellation
            raise

    def leave(self, account: str) -> None:
        """Give a place back, to the next account in turn that may take it."""
        self._taken[account] -= 1
        if not self._taken[account]:
            del self._taken[account]
        for waiting_account in [*self._lines]:
            if self._is_free(waiting_account) and self._serve(waiting_account):
                return

    @asynccontextmanager
    async def place(self, account: str) -> AsyncIterator[None]:
        """Hold a place for a block."""
        await self.take(account)
        try:
            yield
        finally:
            self.leave(account)

    def _is_free(self, account: str) -> bool:
        share = self._share if account else self._places
        return self._taken.total() < self._places and self._taken[account] < share

    def _serve(self, account: str) -> bool:
        """Give a place to the first task of an account that still waits, if there is one."""
        line = self._lines.pop(account)
        while line:
            turn = line.popleft()
            if not turn.done():  # a cancelled task stays in its line until here
                self._taken[account] += 1
                turn.set_result(None)
                if line:
                    self._lines[account] = line  # behind all others
                return True
        return False
