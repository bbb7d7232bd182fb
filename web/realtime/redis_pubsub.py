"""One connection to Redis for all that this process hears, made anew whenever it breaks."""

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
SILENCE_SECONDS_MAX = (
    25.0  # then the other end is lost: a connection that is half open says nothing
)
NOBODY = "nobody"  # a channel that is none: a connection without one would end


class Ears(Protocol):
    """Who is told what comes over a wire."""

    def heard(self, channel: str, data: bytes) -> None:
        """Take what was published."""

    def confirmed(self, channel: str) -> None:
        """Take in that from now on all that is published on a channel is heard."""

    def lost(self) -> None:
        """Take in that nothing is heard until it is confirmed again."""


class Wire:
    """Subscribes to the channels that are wanted, whichever these are at the moment.

    Wishes are only noted: one task carries them out, and another reads. redis-py's own subscriptions connect
    again by themselves, whoever uses them: that would hide what was missed, and two callers who find the
    connection gone would make two of it.
    """

    def __init__(self, redis_url: str, ears: Ears) -> None:
        self._redis_url = redis_url
        self._ears = ears
        self._wanted: set[str] = set()
        self._again: set[str] = (
            set()
        )  # wanted anew: to be confirmed whether asked for before or not
        self._wished = asyncio.Event()
        self.connected = False

    def want(self, channels: Iterable[str]) -> None:
        """Have channels subscribed to; each is confirmed, however often it was before."""
        channels = set(channels)
        self._wanted |= channels
        self._again |= channels
        self._wished.set()

    def drop(self, channels: Iterable[str]) -> None:
        """Have channels heard no more."""
        channels = set(channels)
        self._wanted -= channels
        self._again -= channels
        self._wished.set()

    async def run(self) -> None:
        """Listen until cancelled, whatever happens in between."""
        log = structlog.get_logger()
        while True:
            try:
                await self._connection()
            except* (RedisError, OSError) as faults:
                log.warning("notices_interrupted", error=type(faults.exceptions[0]).__name__)
            except* Exception:
                log.exception("notices_interrupted")
            finally:
                self.connected = False
                self._ears.lost()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _connection(self) -> None:
        """Listen over one connection until it breaks."""
        once = Retry(NoBackoff(), 0)
        # Under a time-out redis-py writes by `wait_for`, which before Python 3.12 can swallow a cancellation.
        pool = ConnectionPool.from_url(self._redis_url, retry=once, socket_timeout=None, protocol=2)
        connection = pool.make_connection()  # type: ignore[no-untyped-call] # redis-py's own
        try:
            await connection.connect()
            await _say(connection, "SUBSCRIBE", NOBODY)
            self.connected = True
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask(connection))
                tasks.create_task(self._hear(connection))
        finally:
            await connection.disconnect(nowait=True)

    async def _ask(self, connection: AbstractConnection) -> None:
        """Bring what Redis is asked for to what is wanted, again and again."""
        asked: set[str] = set()
        while True:
            self._wished.clear()
            more, less = (self._wanted - asked) | self._again, asked - self._wanted
            self._again.clear()
            asked = set(self._wanted)
            if more:
                await _say(connection, "SUBSCRIBE", *more)
            if less:
                await _say(connection, "UNSUBSCRIBE", *less)
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._wished.wait()
            except TimeoutError:
                await _say(connection, "PING")

    async def _hear(self, connection: AbstractConnection) -> None:
        while True:
            match await connection.read_response(timeout=SILENCE_SECONDS_MAX):
                case [b"message", channel, data]:
                    self._ears.heard(channel.decode(), data)
                case [b"subscribe", channel, _]:
                    self._ears.confirmed(channel.decode())
                case None:
                    raise BrokenError("not even a ping is answered")


async def _say(connection: AbstractConnection, *command: str) -> None:
    """Send a command over a connection that stands; redis-py would make another one anew.

    :raises BrokenError: when it does not.
    """
    if not connection.is_connected:
        raise BrokenError("the connection has ended")
    await connection.send_command(*command, check_health=False)
