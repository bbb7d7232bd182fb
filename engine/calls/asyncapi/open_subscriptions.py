"""Subscriptions that stay open between two activities."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, Protocol, TypeVar

from engine.egress.guard import BODY_BYTES_MAX, EgressError
from engine.expressions.sandbox.fair_queue import ACCOUNT

UNREAD_MAX = 10_000
IDLE_SECONDS_MAX = 30.0  # then the task has ended, or continues on another worker
ACCOUNT_MAX = 32  # open subscriptions, with up to a megabyte each
MESSAGE_COST = 64  # bytes of a message besides its payload, so that empty ones count too


class BrokerSubscription:
    """Subscription whose messages are read in the background and wait here, within limits."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._unread: deque[bytes] = deque()
        self._size = 0
        self._arrival = asyncio.Event()
        self._failure: Exception | None = None
        self._reading = asyncio.create_task(self._read(source))

    async def receive(self, count_max: int, *, linger: bool, seconds: float) -> list[bytes]:
        """Return the messages that wait, at least one unless the time ends before.

        :param linger: wait for `count_max` messages.
        :raises Exception: the error that ended the source, after its last message.
        """
        count_min = count_max if linger else 1
        try:
            async with asyncio.timeout(seconds):
                while len(self._unread) < count_min and self._failure is None:
                    self._arrival.clear()
                    await self._arrival.wait()
        except TimeoutError:
            pass
        if self._failure is not None and not self._unread:
            raise self._failure
        messages = [self._unread.popleft() for _ in range(min(count_max, len(self._unread)))]
        self._size -= sum(len(message) + MESSAGE_COST for message in messages)
        return messages

    async def close(self) -> None:
        """Stop reading."""
        self._reading.cancel()
        await asyncio.wait([self._reading])

    def abort(self) -> None:
        """Stop reading at once."""
        self._reading.cancel()

    async def _read(self, source: AsyncIterator[bytes]) -> None:
        try:
            async for message in source:
                self._unread.append(message)
                self._size += len(message) + MESSAGE_COST
                self._arrival.set()
                if self._size > BODY_BYTES_MAX or len(self._unread) > UNREAD_MAX:
                    self._failure = EgressError("messages come faster than they are consumed")
                    break
        except Exception as error:  # noqa: BLE001 - `receive` raises it
            self._failure = error
        self._arrival.set()


class Closable(Protocol):
    """Subscription that can be closed."""

    async def close(self) -> None:
        """Close it by the protocol."""
        ...

    def abort(self) -> None:
        """Close it at once."""
        ...


T = TypeVar("T", bound=Closable)


class OpenSubscriptions(Generic[T]):
    """Open subscriptions of this worker by name; an idle one is closed after IDLE_SECONDS_MAX.

    Each account has at most ACCOUNT_MAX of them; its oldest one is closed for another.
    """

    def __init__(self) -> None:
        self._subscriptions: dict[str, T] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._names: dict[str, dict[str, None]] = {}  # by account, oldest first

    def pop(self, name: str) -> T | None:
        """Return an open subscription, which stays open, or None."""
        closing = self._closing.pop(name, None)
        if closing is not None:
            closing.cancel()
        return self._remove(name)

    def add(self, name: str, subscription: T) -> None:
        """Store a subscription for the next activity of the running account."""
        names = self._names.setdefault(ACCOUNT.get(), {})
        names[name] = None
        self._subscriptions[name] = subscription
        self._closing[name] = asyncio.create_task(self._close(name))
        if len(names) > ACCOUNT_MAX:
            oldest = self.pop(next(iter(names)))
            if oldest is not None:
                oldest.abort()

    async def _close(self, name: str) -> None:
        try:
            await asyncio.sleep(IDLE_SECONDS_MAX)
        except asyncio.CancelledError:
            if self._closing.get(name) is asyncio.current_task():  # the process ends
                subscription = self._remove(name)
                if subscription is not None:
                    subscription.abort()
            raise
        self._closing.pop(name, None)
        subscription = self._remove(name)
        if subscription is not None:
            await subscription.close()

    def _remove(self, name: str) -> T | None:
        for account, names in self._names.items():
            if name in names:
                del names[name]
                if not names:
                    del self._names[account]
                break
        return self._subscriptions.pop(name, None)
