"""Redis pub/sub: one connection for all subscriptions of this process, replaced when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

import structlog
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as BrokenError
from redis.exceptions import RedisError

PAUSE_SECONDS = 1.0
PING_SECONDS = 10.0
SILENCE_SECONDS_MAX = 25.0  # after which a half-open connection counts as broken
NO_CHANNEL = (
    "nobody"  # nothing is published here; without a subscription Redis closes the connection
)


class PubSubHandler(Protocol):
    """Receiver of the messages of a `RedisPubSub`, which the class above it implements."""

    def on_message(self, channel: str, data: bytes) -> None:
        """Handle a published message."""

    def on_subscribed(self, channel: str) -> None:
        """Handle the confirmation that all messages of a channel arrive from now on."""

    def on_disconnected(self) -> None:
        """Handle the loss of all subscriptions, until each is confirmed again."""


class RedisPubSub:
    """Set of subscribed channels, kept on one connection.

    `subscribe` and `unsubscribe` only change the set: one task sends the commands, another reads.
    redis-py's own subscriptions reconnect by themselves. That would hide missed messages, and two
    callers that find the connection closed would open two.
    """

    def __init__(self, redis_url: str, handler: PubSubHandler) -> None:
        self._redis_url = redis_url
        self._handler = handler
        self._channels: set[str] = set()
        self._pending: set[str] = set()  # to be subscribed to once more, for a confirmation
        self._has_changed = asyncio.Event()
        self.is_connected = False

    def subscribe(self, channels: Iterable[str]) -> None:
        """Subscribe to channels; each is confirmed, even if it was subscribed to before."""
        channels = set(channels)
        self._channels |= channels
        self._pending |= channels
        self._has_changed.set()

    def unsubscribe(self, channels: Iterable[str]) -> None:
        """Unsubscribe from channels."""
        channels = set(channels)
        self._channels -= channels
        self._pending -= channels
        self._has_changed.set()

    async def run(self) -> None:
        """Connect and read until cancelled, and again after each failure."""
        log = structlog.get_logger()
        while True:
            try:
                await self._use_connection()
            except* (RedisError, OSError) as errors:
                log.warning("redis_connection_lost", error=type(errors.exceptions[0]).__name__)
            except* Exception:
                log.exception("redis_connection_lost")
            finally:
                self.is_connected = False
                self._handler.on_disconnected()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _use_connection(self) -> None:
        """Open a connection, send the subscriptions and read until it breaks."""
        once = Retry(NoBackoff(), 0)
        # With a time-out redis-py writes in `wait_for`, which before Python 3.12 can swallow a
        # cancellation.
        pool = ConnectionPool.from_url(self._redis_url, retry=once, socket_timeout=None, protocol=2)
        connection = pool.make_connection()  # type: ignore[no-untyped-call] # redis-py's own
        try:
            await connection.connect()
            await _send_command(connection, "SUBSCRIBE", NO_CHANNEL)
            self.is_connected = True
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_subscriptions(connection))
                tasks.create_task(self._read(connection))
        finally:
            await connection.disconnect(nowait=True)

    async def _send_subscriptions(self, connection: AbstractConnection) -> None:
        """Bring the connection's subscriptions up to date whenever the set of channels changes."""
        subscriptions: set[str] = set()
        while True:
            self._has_changed.clear()
            additions = (self._channels - subscriptions) | self._pending
            removals = subscriptions - self._channels
            self._pending.clear()
            subscriptions = set(self._channels)
            if additions:
                await _send_command(connection, "SUBSCRIBE", *additions)
            if removals:
                await _send_command(connection, "UNSUBSCRIBE", *removals)
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._has_changed.wait()
            except TimeoutError:
                await _send_command(connection, "PING")

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            match await connection.read_response(timeout=SILENCE_SECONDS_MAX):
                case [b"message", channel, data]:
                    self._handler.on_message(channel.decode(), data)
                case [b"subscribe", channel, _]:
                    self._handler.on_subscribed(channel.decode())
                case None:
                    raise BrokenError("Redis has not answered a ping")


async def _send_command(connection: AbstractConnection, *command: str) -> None:
    """Send a command on an open connection; redis-py would open a closed one again.

    :raises BrokenError: when the connection is closed.
    """
    if not connection.is_connected:
        raise BrokenError("the connection is closed")
    await connection.send_command(*command, check_health=False)
