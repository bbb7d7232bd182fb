"""Places among a few children, given to those who wait account by account in turn."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")

# Whose programs this thread or task runs; empty where it is nobody's in particular.
ACCOUNT: ContextVar[str] = ContextVar("account", default="")


class BusyError(Exception):
    """The machine had no time for a program: nothing is known of the program, and a new try may succeed."""


class Patience:
    """How long one stretch of a walk may wait for children in all; another `mark` begins another stretch.

    Temporal takes a workflow for stuck that does not yield within two seconds, and a thread of the worker's
    with it: a stretch that has waited so long had better fail, and be tried again.
    """

    def __init__(self, mark: Callable[[], object] = object) -> None:
        self._mark = mark
        self._stretch: object = None
        self._waited = 0.0

    def left(self, seconds_max: float) -> float:
        """Return how many seconds of so many are left."""
        stretch = self._mark()
        if stretch != self._stretch:
            self._stretch, self._waited = stretch, 0.0
        return seconds_max - self._waited

    def spend(self, seconds: float) -> None:
        """Count what was waited."""
        self._waited += seconds


# By default each evaluation is a stretch of its own.
PATIENCE: ContextVar[Patience | None] = ContextVar("patience", default=None)


class Taker(Generic[T]):
    """Somebody who has a place, waits for one, or does neither; who gives puts the place in here."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.held: list[T] = []
        self.served = threading.Event()


class Places(Generic[T]):
    """What is free, and one line for each account that waits: the accounts are served in turn."""

    def __init__(self, free: Iterable[T]) -> None:
        self._free = list(free)
        self._lines: OrderedDict[str, deque[Taker[T]]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, taker: Taker[T], seconds: float) -> T:
        """Return a place, the one given back last; after it, whatever happens, the taker has to `leave`.

        :raises BusyError: when none was given within the seconds.
        """
        with self._lock:
            if self._free:
                taker.held.append(self._free.pop())
                taker.served.set()
            else:
                self._lines.setdefault(taker.account, deque()).append(taker)
        if not taker.served.wait(seconds):
            raise BusyError("no child was free in time")
        return taker.held[0]

    def leave(self, taker: Taker[T], place: T) -> None:
        """Give the place of the taker, as it is now, to the next; or end the wait of one who has none."""
        with self._lock:
            if taker.held:
                taker.held.clear()
                self._give(place)
                return
            line = self._lines.get(taker.account)
            if line is not None and taker in line:
                line.remove(taker)
                if not line:
                    del self._lines[taker.account]

    def waiting(self) -> int:
        """Return how many wait."""
        with self._lock:
            return sum(map(len, self._lines.values()))

    def _give(self, place: T) -> None:
        if not self._lines:
            self._free.append(place)
            return
        account, line = self._lines.popitem(last=False)
        taker = line.popleft()
        if line:
            self._lines[account] = line  # behind all others
        taker.held.append(place)
        taker.served.set()
