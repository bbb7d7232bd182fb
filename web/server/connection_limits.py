"""Limits of one process: its connections, those of each address, and the bodies in its memory.

When there is no room, the connection that has waited longest for its client gives way. So clients
that send and read as they should are served, however many others do not.
"""

from __future__ import annotations

import resource
from asyncio import AbstractEventLoop
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

from werkzeug.middleware.proxy_fix import ProxyFix

from engine.config.settings import Settings
from web.http.rate_limits import network_of

CONNECTIONS_MAX = 8192  # of a process
FILES_RESERVED = 128  # of its open files, for everything but connections
CONNECTIONS_MIN = 16
BODIES_MAX = 16  # bodies of the largest size in the memory of a process
UNSENT_BYTES_MAX = 64 * 1_048_576  # of answers that clients do not read
ADDRESS_SHARE = 2  # an address may have one part in so many of them
SWEEP_SECONDS = 0.5
KEEP_ALIVE_SECONDS = 75  # longer than proxies keep idle connections, so that they close first


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """Bounds and deadlines of each connection of a process.

    `per_address_max` counts connections. Behind `proxy_hops` proxies it counts the requests under
    way that these forward for one address.
    """

    per_address_max: int
    proxy_hops: int
    body_bytes_max: int
    head_seconds: float = 10.0
    idle_seconds: float = KEEP_ALIVE_SECONDS
    # A body may take so long, and longer while it comes faster than `body_bytes_per_second`.
    body_seconds: float = 20.0
    body_bytes_per_second: int = 32_768
    write_seconds: float = 30.0  # without progress in sending
    linger_seconds: float = 5.0  # after an answer that the client may still have to read

    @classmethod
    def from_settings(cls, settings: Settings) -> ConnectionBounds:
        """Return the bounds of a web process."""
        return cls(
            settings.connections_per_address_max, settings.proxy_hops, settings.body_bytes_max
        )


class LimitedConnection(Protocol):
    """Connection that can be told to keep its deadlines, or to close at once."""

    def enforce_deadlines(self, now: float) -> None:
        """Close the connection if its client is too slow."""

    def count_unsent(self) -> int:
        """Return how many bytes of answers the client has not read."""

    def abort(self) -> None:
        """Close the connection without another byte."""


class ConnectionLimits:
    """Registry of the connections of a process; a supervisor sends each process an empty one."""

    def __init__(self, bounds: ConnectionBounds) -> None:
        self.bounds = bounds
        self._bodies_bytes_max = BODIES_MAX * bounds.body_bytes_max
        self._connections: dict[LimitedConnection, None] = {}
        # Those that wait for their clients, that receive a body, or whose clients do not read; the
        # longest first.
        self._waits: dict[LimitedConnection, None] = {}
        self._uploads: dict[LimitedConnection, None] = {}
        self._stalls: dict[LimitedConnection, None] = {}
        self._counts: Counter[str] = Counter()  # connections or requests by address
        self._bytes: Counter[str] = Counter()  # of bodies by address
        self._bytes_total = 0
        self._is_sweeping = False
        hops = bounds.proxy_hops
        self._proxy_fix = ProxyFix(_answer_nothing, x_for=hops, x_proto=0)

    def read_address(self, peer: str, headers: list[tuple[bytes, bytes]]) -> str:
        """Return the address that a request counts for: of the client, IPv6 by /64."""
        if self.bounds.proxy_hops:
            values = [value for name, value in headers if name == b"x-forwarded-for"]
            forwarded = b",".join(values).decode("latin1")
            environ: dict[str, Any] = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
            self._proxy_fix(environ, lambda *_start: lambda _data: None)
            peer = environ["REMOTE_ADDR"]
        return network_of(peer)

    def add(self, connection: LimitedConnection, loop: AbstractEventLoop) -> bool:
        """Add a new connection; return False when there is room for none."""
        if len(self._connections) >= _count_files():
            oldest = next(iter(self._waits), None)
            if oldest is None:
                return False
            self.remove(oldest)
            oldest.abort()
        self._connections[connection] = None
        if not self._is_sweeping:
            self._is_sweeping = True
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)
        return True

    def remove(self, connection: LimitedConnection) -> None:
        """Remove a connection that has ended."""
        self._connections.pop(connection, None)
        self._stalls.pop(connection, None)
        self.end_wait(connection)

    def start_wait(self, connection: LimitedConnection) -> None:
        """Note that the connection waits for its client from now on."""
        if connection in self._connections:
            self._waits.pop(connection, None)
            self._waits[connection] = None

    def end_wait(self, connection: LimitedConnection) -> None:
        """Note that the connection has all that it needs of its client."""
        self._waits.pop(connection, None)
        self._uploads.pop(connection, None)

    def start_stall(self, connection: LimitedConnection) -> None:
        """Note that the client of the connection does not read."""
        if connection in self._connections:
            self._stalls[connection] = None
            self.start_wait(connection)

    def end_stall(self, connection: LimitedConnection) -> None:
        """Note that the client of the connection has read."""
        self._stalls.pop(connection, None)

    def count(self, address: str) -> bool:
        """Count a connection or request of the address; return False when it has too many."""
        if self._counts[address] >= self.bounds.per_address_max:
            return False
        self._counts[address] += 1
        return True

    def discount(self, address: str) -> None:
        """Remove a connection or request of the address that has ended."""
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]

    def has_room(self, address: str, size: int) -> bool:
        """Tell whether the address may have `size` more bytes of bodies in memory."""
        return self._bytes[address] + size <= self._bodies_bytes_max // ADDRESS_SHARE

    def hold(self, connection: LimitedConnection, address: str, size: int) -> bool:
        """Count bytes of a body that comes; return False when memory has no room for them."""
        while self._bytes_total + size > self._bodies_bytes_max:
            oldest = next((other for other in self._uploads if other is not connection), None)
            if oldest is None:
                return False
            self.remove(oldest)
            oldest.abort()
        self._uploads[connection] = None
        self._bytes_total += size
        self._bytes[address] += size
        return True

    def release(self, address: str, size: int) -> None:
        """Discount bytes of a body whose request has ended."""
        self._bytes_total -= size
        self._bytes[address] -= size
        if not self._bytes[address]:
            del self._bytes[address]

    def _sweep(self, loop: AbstractEventLoop) -> None:
        """Enforce the deadlines of all connections, again and again until there are none."""
        now = loop.time()
        for connection in list(self._connections):
            connection.enforce_deadlines(now)
        self._bound_unsent()
        self._is_sweeping = bool(self._connections)
        if self._is_sweeping:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    def _bound_unsent(self) -> None:
        """Close connections whose clients do not read, until the others' answers have room."""
        sizes = {connection: connection.count_unsent() for connection in self._stalls}
        excess = sum(sizes.values()) - UNSENT_BYTES_MAX
        for connection, size in sizes.items():
            if excess <= 0:
                return
            excess -= size
            connection.abort()


def _answer_nothing(*_call: Any) -> tuple[()]:
    return ()


def _count_files() -> int:
    """Return how many connections the limit of open files allows; an operator may change it."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return max(CONNECTIONS_MIN, min(CONNECTIONS_MAX, soft - FILES_RESERVED))
