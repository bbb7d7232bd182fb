"""Threads for calls, in which the clients take turns while all threads are busy."""

from __future__ import annotations

from asyncio import CancelledError, Future, get_running_loop
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

# Calls that a thread is given ahead, so that it need not wait for the event loop between two.
CALLS_PER_THREAD = 2
CLIENT = "client"  # key of an ASGI scope's state: the address that the request counts for
P = ParamSpec("P")
T = TypeVar("T")


class FairThreads:
    """Thread pool whose waiting calls are taken in turn from each client.

    A client that sends many requests at once waits for its own, and others do not wait for them.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._room = CALLS_PER_THREAD * threads
        self._queues: dict[str, deque[Future[None]]] = {}  # by client, whose turn it is first

    async def run(
        self, scope: Mapping[str, Any], call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return the result of a call in a thread, when it is the turn of the scope's client."""
        loop = get_running_loop()
        client = scope.get("state", {}).get(CLIENT, "")
        if self._room:
            self._room -= 1
        else:
            turn: Future[None] = loop.create_future()
            self._queues.setdefault(client, deque()).append(turn)
            try:
                await turn
            except CancelledError:
                if turn.done() and not turn.cancelled():  # it came at the same moment
                    self._pass_on()
                raise
        try:
            return await loop.run_in_executor(self._pool, lambda: call(*args, **kwargs))
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Give a place that is free to the client whose turn it is."""
        while self._queues:
            client, queue = next(iter(self._queues.items()))
            del self._queues[client]
            turn = queue.popleft()
            if queue:
                self._queues[client] = queue
            if not turn.done():  # otherwise its request was cancelled
                turn.set_result(None)
                return
        self._room += 1
