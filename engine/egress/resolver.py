"""Resolution of names by the system, in threads whose number is limited for each account.

Event loops resolve in few threads of their own, for all tasks together: uvloop in two, which a name
with a silent server blocks for many seconds.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress

from engine.egress.account_places import AccountPlaces
from engine.egress.transport import Address

THREADS_MAX = 128
ACCOUNT_THREADS_MAX = 8
SECONDS_MAX = 10.0  # of waiting for a thread and of the resolution
CACHED_SECONDS = 10.0
CACHED_MAX = 1_000

# May block: it runs in a thread.
GetAddresses = Callable[[str, int], Sequence[Address]]


def get_addresses(host: str, port: int, *, flags: int = 0) -> Sequence[Address]:
    """Return the addresses of a name from the system.

    :raises OSError: when it has none.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(str(address[0]), int(address[1])) for *_, address in infos]


class NameResolver:
    """Resolver for one event loop.

    A thread cannot be stopped, so that a place is free again when its thread has ended, and not
    when its caller gives up. The threads are daemons, for which no process waits at its end.

    :param account: returns the account that the running task works for.
    """

    def __init__(
        self, *, account: Callable[[], str] = str, lookup: GetAddresses = get_addresses
    ) -> None:
        self._account = account
        self._lookup = lookup
        self._places = AccountPlaces(THREADS_MAX, share=ACCOUNT_THREADS_MAX)
        self._cache: OrderedDict[tuple[str, int], tuple[float, Sequence[Address]]] = OrderedDict()

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of a name, or the address that the name is.

        :raises OSError: when it has none.
        :raises TimeoutError: when the answer takes longer than SECONDS_MAX.
        """
        with suppress(OSError):
            return get_addresses(host, port, flags=socket.AI_NUMERICHOST)  # asks no server
        async with asyncio.timeout(SECONDS_MAX):
            cached = self._find_cached(host, port)
            if cached is not None:
                return cached
            account = self._account()
            await self._places.take(account)
            cached = self._find_cached(host, port)  # another task may have waited for the same name
            if cached is not None:
                self._places.leave(account)
                return cached
            addresses = await self._run(host, port, account)
        self._cache[host, port] = time.monotonic() + CACHED_SECONDS, addresses
        self._cache.move_to_end((host, port))
        if len(self._cache) > CACHED_MAX:
            self._cache.popitem(last=False)
        return addresses

    def _find_cached(self, host: str, port: int) -> Sequence[Address] | None:
        until, addresses = self._cache.get((host, port), (0.0, ()))
        return addresses if time.monotonic() < until else None

    def _run(self, host: str, port: int, account: str) -> asyncio.Future[Sequence[Address]]:
        """Resolve in a new thread, which leaves its place at its end."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[Address]] = loop.create_future()

        def finish(result: Sequence[Address] | OSError | UnicodeError) -> None:
            self._places.leave(account)
            if answer.done():
                return  # its caller gave up
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        def work() -> None:
            result: Sequence[Address] | OSError | UnicodeError
            try:
                result = self._lookup(host, port)
            except (OSError, UnicodeError) as error:
                result = error
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(finish, result)

        try:
            threading.Thread(target=work, name="resolver", daemon=True).start()
        except RuntimeError:  # the system has no thread for it
            self._places.leave(account)
            raise OSError("no thread") from None
        return answer
