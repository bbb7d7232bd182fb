"""Threads of requests: no client has all of them, and a request that waits for Temporal has none.

A request needs a place while its thread works. There are as many places as connections to the
database. Clients take turns at them.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import Future, get_running_loop, wrap_future
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, TypeVar

from flask import Flask
from werkzeug.exceptions import ClientDisconnected

from engine.observability import metrics
from web.http import access_tokens

# Requests that may wait without a place, for each place. Their bodies stay in memory.
WAITS_PER_PLACE = 4
WAITS_SHARE = 4  # a client may have this part of them
PLACES_SHARE = 2  # and this part of the places
LINE_PER_PLACE = 32  # requests of a client in line for a place, for each place

# Key of an ASGI scope's state, and of the environment: the address that the request counts for.
CLIENT = "cloudapi.client"

T = TypeVar("T")
Serve = Callable[[], object]
Watch = Callable[[], Coroutine[Any, Any, None]]


class RequestPlaces:
    """Places, and a line of requests for each client; a client has at most its share."""

    def __init__(self, count: int, *, share: int) -> None:
        self._free = count
        self._share = share
        self._counts: Counter[str] = Counter()  # of places, by client
        self._lines: OrderedDict[str, deque[Serve]] = OrderedDict()
        self._lock = threading.Lock()

    def enter(self, client: str, serve: Serve, *, resumes: bool = False) -> bool:
        """Return whether the client has a place now; if not, `serve` is called once it has one.

        A request that `resumes` is the first in its client's line.
        """
        with self._lock:
            if self._free and self._counts[client] < self._share:
                self._take(client)
                return True
            line = self._lines.setdefault(client, deque())
            if resumes:
                line.appendleft(serve)
            else:
                line.append(serve)
            return False

    def count_line(self, client: str) -> int:
        """Return how many requests of the client wait for a place."""
        with self._lock:
            return len(self._lines.get(client, ()))

    def leave(self, client: str) -> None:
        """Give a place back, to the next client in turn that uses less than its share."""
        with self._lock:
            self._free += 1
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]
            for other in self._lines:
                if self._counts[other] < self._share:
                    serve = self._lines[other].popleft()
                    self._take(other)
                    if self._lines[other]:
                        self._lines.move_to_end(other)
                    else:
                        del self._lines[other]
                    serve()
                    return

    def withdraw(self, client: str, serve: Serve) -> bool:
        """Return whether a request was in line, and is no more."""
        with self._lock:
            line = self._lines.get(client)
            if line is None or serve not in line:
                return False
            line.remove(serve)
            if not line:
                del self._lines[client]
            return True

    def _take(self, client: str) -> None:
        self._free -= 1
        self._counts[client] += 1


class RequestThreads:
    """Threads that run functions of clients, as many at a time as there are places."""

    def __init__(self, places: int) -> None:
        waits = WAITS_PER_PLACE * places
        self.line_max = LINE_PER_PLACE * places
        self._threads = ThreadPoolExecutor(places + waits, thread_name_prefix="flask")
        self._places = RequestPlaces(places, share=max(1, places // PLACES_SHARE))
        self._waits = RequestPlaces(waits, share=max(1, waits // WAITS_SHARE))
        metrics.THREADS.set(places)

    def count_line(self, client: str) -> int:
        """Return how many requests of the client wait for a place."""
        return self._places.count_line(client)

    async def run(
        self, client: str, function: Callable[..., T], *args: Any, watch: Watch | None = None
    ) -> T:
        """Return the result of a function, run in a thread when the client has a place.

        `watch` returns when the client disconnects. A request that waits for a place then ends.

        :raises ClientDisconnected: when it does.
        """
        loop = get_running_loop()
        place = loop.create_future()
        serve = partial(loop.call_soon_threadsafe, _resolve, place)
        with metrics.REQUESTS_WAITING.track_inprogress():
            if not self._places.enter(client, serve):
                try:
                    await (place if watch is None else _wait_watching(place, watch))
                except BaseException:
                    if not self._places.withdraw(client, serve):
                        self._places.leave(client)
                    raise
        work = self._threads.submit(copy_context().run, self._work, client, function, *args)
        work.add_done_callback(lambda _: self._places.leave(client))
        return await wrap_future(work)

    @contextmanager
    def give_up_place(self, client: str) -> Iterator[bool]:
        """Have no place during the block, unless too many requests wait; yield whether it has none.

        Afterwards the request waits until its client has a place again.
        """
        if not self._waits.enter(client, _ignore) and self._waits.withdraw(client, _ignore):
            yield False
            return
        metrics.THREADS_BUSY.dec()
        self._places.leave(client)
        try:
            yield True
        finally:
            place = threading.Event()
            if not self._places.enter(client, place.set, resumes=True):
                place.wait()
            metrics.THREADS_BUSY.inc()
            self._waits.leave(client)

    def _work(self, client: str, function: Callable[..., T], *args: Any) -> T:
        _request.set((self, client))
        with metrics.THREADS_BUSY.track_inprogress():
            return function(*args)


def find_client(app: Flask, environ: Mapping[str, Any]) -> str:
    """Return whose request this is: the account of a known token, or else the address."""
    account_id = access_tokens.find_account(app, environ.get("HTTP_AUTHORIZATION", ""))
    return str(environ.get(CLIENT) or environ["REMOTE_ADDR"] if account_id is None else account_id)


_request: ContextVar[tuple[RequestThreads, str] | None] = ContextVar("request", default=None)


@contextmanager
def waiting() -> Iterator[bool]:
    """Give up the place of this thread's request during the block; yield whether it was given up.

    It is not given up when its client, or all clients together, have too many waiting requests. The
    request may then wait for as long as it must, and no longer. A thread that `RequestThreads` does
    not run has no place.
    """
    request = _request.get()
    if request is None:
        yield True
        return
    threads, client = request
    with threads.give_up_place(client) as is_free:
        yield is_free


async def _wait_watching(place: Future[None], watch: Watch) -> None:
    disconnect = asyncio.create_task(watch())
    try:
        await asyncio.wait({place, disconnect}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        disconnect.cancel()
    if not place.done():
        raise ClientDisconnected


def _resolve(place: Future[None]) -> None:
    if not place.done():
        place.set_result(None)


def _ignore() -> None:
    """Do nothing: a request that finds no room to wait does not wait for it."""
