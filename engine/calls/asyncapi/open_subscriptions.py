"""Messages of a broker as they come, kept from one request for them to the next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, Protocol, TypeVar

from engine.egress.guard import BODY_BYTES_MAX, EgressError

UNREAD_MAX = 10_000
IDLE_SECONDS_MAX = 30.0  # nobody asks any more: the step has ended, or goes on at another worker
MESSAGE_COST = 64  # bytes that a message counts beside its own: an empty one is not free


class Subscription:
    """Reads a source in the background; what nobody has asked for yet waits here, within limits."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._unread: deque[bytes] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._failure: Exception | None = None
        self._reading = asyncio.create_task(self._read(source))

    async def take(self, count_max: int, *, linger: bool, seconds: float) -> list[bytes]:
        """Return the messages that are there, at least one unless the time is over before.

        :param linger: waits for as many as are wanted at most.
        :raises Exception: what ended the source, once all that it gave has been taken.
        """
        wanted = count_max if linger else 1
        try:
            async with asyncio.timeout(seconds):
                while len(self._unread) < wanted and self._failure is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        if self._failure is not None and not self._unread:
            raise self._failure
        taken = [self._unread.popleft() for _ in range(min(count_max, len(self._unread)))]
        self._size -= sum(len(message) + MESSAGE_COST for message in taken)
        return taken

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
                self._news.set()
                if self._size > BODY_BYTES_MAX or len(self._unread) > UNREAD_MAX:
                    self._failure = EgressError("messages come faster than they are consumed")
                    break
        except Exception as error:  # noqa: BLE001 - it is raised where the messages are asked for
            self._failure = error
        self._news.set()


class Closable(Protocol):
    """What can be kept open for a while."""

    async def close(self) -> None:
        """End it in good order."""
        ...

    def abort(self) -> None:
        """End it at once."""
        ...


T = TypeVar("T", bound=Closable)


class Subscriptions(Generic[T]):
    """Those of this worker, by name; one that nobody asks for is closed after a while."""

    def __init__(self) -> None:
        self._known: dict[str, T] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}

    def found(self, name: str) -> T | None:
        """Return one that is open, and keep it open."""
        closing = self._closing.pop(name, None)
        if closing is not None:
            closing.cancel()
        return self._known.pop(name, None)

    def keep(self, name: str, subscription: T) -> None:
        """Keep one for who asks next."""
        self._known[name] = subscription
        self._closing[name] = asyncio.create_task(self._close(name))

    async def _close(self, name: str) -> None:
        try:
            await asyncio.sleep(IDLE_SECONDS_MAX)
        except asyncio.CancelledError:
            if self._closing.get(name) is asyncio.current_task():  # nobody asked: the process ends
                self._known.pop(name).abort()
            raise
        self._closing.pop(name, None)
        subscription = self._known.pop(name, None)
        if subscription is not None:
            await subscription.close()
