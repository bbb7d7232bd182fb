"""Fair queue for a few items, such as sandbox processes: accounts that wait are served in turn."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Generic, TypeVar

from engine.errors import OutageError

T = TypeVar("T")

# Id of the account whose programs this thread or asyncio task runs; empty for none in particular.
ACCOUNT: ContextVar[str] = ContextVar("account", default="")


class BusyError(OutageError):
    """The machine had no time for a program. A new attempt may succeed."""


class WaitBudget:
    """Limit on how long one workflow task may wait for sandbox processes in all.

    Temporal's deadlock detector takes a workflow task for stuck after two seconds, and then a
    thread of the worker is lost. A workflow task that waited for almost so long fails, and Temporal
    retries it. Another value of `mark` starts another count; by default, each evaluation does.
    """

    def __init__(self, mark: Callable[[], object] = object) -> None:
        self._mark = mark
        self._current_mark: object = None
        self._seconds = 0.0

    def remaining(self, seconds_max: float) -> float:
        """Return how many of `seconds_max` remain."""
        mark = self._mark()
        if mark != self._current_mark:
            self._current_mark, self._seconds = mark, 0.0
        return seconds_max - self._seconds

    def spend(self, seconds: float) -> None:
        """Count the seconds of a wait."""
        self._seconds += seconds


# None: each evaluation has a budget of its own.
WAIT_BUDGET: ContextVar[WaitBudget | None] = ContextVar("wait_budget", default=None)


class Waiter(Generic[T]):
    """Caller that has an item, waits for one, or does neither; the queue puts the item into it."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.items: list[T] = []  # none or one
        self.served = threading.Event()


class FairQueue(Generic[T]):
    """Free items, and a line of waiters for each account; the accounts are served in turn.

    An account has at most `share` items at a time, so that it never has all of them. A waiter of no
    account in particular has no such limit.
    """

    def __init__(self, items: Iterable[T], *, share: int | None = None) -> None:
        self._free = list(items)
        self._share = len(self._free) if share is None else share
        self._counts: Counter[str] = Counter()  # of items, by account
        self._lines: OrderedDict[str, deque[Waiter[T]]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, waiter: Waiter[T], seconds: float) -> T:
        """Return an item, the last one that was given back.

        Afterwards the caller must call `leave`, even after an error.

        :raises BusyError: when no item was free within the seconds.
        """
        with self._lock:
            self._lines.setdefault(waiter.account, deque()).append(waiter)
            self._serve()
        if not waiter.served.wait(seconds):
            raise BusyError("no sandbox process was free in time")
        return waiter.items[0]

    def leave(self, waiter: Waiter[T], item: T) -> None:
        """Give the waiter's item, as it is now, to the next one; or end the wait of one without."""
        with self._lock:
            if waiter.items:
                waiter.items.clear()
                self._counts[waiter.account] -= 1
                if not self._counts[waiter.account]:
                    del self._counts[waiter.account]
                self._free.append(item)
                self._serve()
                return
            line = self._lines.get(waiter.account)
            if line is not None and waiter in line:
                line.remove(waiter)
                if not line:
                    del self._lines[waiter.account]

    def waiter_count(self) -> int:
        """Return how many callers wait."""
        with self._lock:
            return sum(map(len, self._lines.values()))

    def _serve(self) -> None:
        """Give the free items to the waiters whose accounts may have one."""
        for account in list(self._lines):
            if not self._free:
                return
            if account and self._counts[account] >= self._share:
                continue
            line = self._lines.pop(account)
            waiter = line.popleft()
            if line:
                self._lines[account] = line  # behind all others
            self._counts[account] += 1
            waiter.items.append(self._free.pop())
            waiter.served.set()
