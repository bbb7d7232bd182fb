"""The one synchronous door to Temporal's asynchronous client: one loop thread per process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import TimeoutError as NotInTimeError
from typing import Any, TypeVar
from uuid import UUID

import orjson
import structlog
from joserfc.jwk import OKPKey
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RetryConfig, RPCError
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts import executions
from engine.contracts.executions import DefinitionCheck, ExecutionStart, OutcomeReading
from engine.contracts.pause import PauseCommand
from engine.crypto import jwe
from engine.errors import UnavailableError
from engine.temporal import client as temporal
from web.interruptible_wait import Patience, result

T = TypeVar("T")
CONNECT_SECONDS_MAX = 1.0
START_SECONDS_MAX = 2.0  # a server that hangs must not hold the request; the relay starts it later
READING_SECONDS_MAX = 5.0
LOOK_SECONDS_MAX = 12.0  # a definition's programs are compiled, one by one
PAUSE_SECONDS = 2.0  # how long Temporal is left alone after it failed
RETRY = RetryConfig(initial_interval_millis=50, max_elapsed_time_millis=250, max_retries=2)
REPLY_BYTES_MAX = 4 * 1_048_576


class Temporal:
    """Starts workflows and waits for sealed answers, which a key of this process alone opens."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reply_key = OKPKey.generate_key("X25519")  # lives and dies with the process
        self._public_key = {
            name: str(value) for name, value in self._reply_key.as_dict(private=False).items()
        }
        self._waiters = threading.BoundedSemaphore(max(1, settings.web_threads // 2))
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._silent_until = 0.0
        self._patience = Patience()

    def close(self) -> None:
        """Answer at once whoever waits for an end: the process is to go, and what was begun goes on."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._patience.lose)

    def check(self) -> None:
        """Return when the server answers.

        :raises UnavailableError: when it does not.
        """
        self._run(self._healthy(), CONNECT_SECONDS_MAX)

    def check_definition(
        self, definition_id: UUID, account_id: UUID, *, wait: float, version: int = 1
    ) -> None:
        """Start the check of a definition's version and give it `wait` seconds to end.

        :raises UnavailableError: when it could not be started.
        """
        check = DefinitionCheck(str(definition_id), str(account_id), version)
        self._run(self._check(check, wait), START_SECONDS_MAX + wait)

    def execute(
        self, execution_id: UUID, account_id: UUID, *, definition_id: UUID, wait: float
    ) -> dict[str, Any] | None:
        """Start an execution and return its outcome if it ends within `wait` seconds.

        With half the process's threads waiting already, this one does not.

        :raises UnavailableError: when it could not be started.
        """
        start = ExecutionStart(str(execution_id), str(account_id), self._public_key)
        with self._waiting(wait) as lasts:
            return self._run(self._execute(start, definition_id, lasts), START_SECONDS_MAX + lasts)

    def stop(self, execution_id: UUID, *, how: str) -> bool:
        """Cancel or terminate an execution; tell whether Temporal knows of it.

        :raises UnavailableError: when it does not answer.
        """
        return self.ask(lambda client: temporal.stop_execution(client, str(execution_id), how=how))

    def hold(self, execution_id: UUID, word: PauseCommand) -> bool:
        """Have an execution pause or go on; tell whether Temporal knows of it.

        :raises UnavailableError: when it does not answer.
        """
        return self.ask(lambda client: temporal.hold_execution(client, str(execution_id), word))

    def join(self, execution_id: UUID, account_id: UUID, *, wait: float) -> dict[str, Any] | None:
        """Return the outcome of an execution that was started before, if it ends within `wait` seconds.

        With half the process's threads waiting already, this one does not.

        :raises UnavailableError: when no worker answered.
        """
        reading = OutcomeReading(str(execution_id), str(account_id), self._public_key)
        with self._waiting(wait) as lasts:
            return self._run(
                self._join(reading, lasts), START_SECONDS_MAX + lasts + READING_SECONDS_MAX
            )

    def outcome(self, execution_id: UUID, account_id: UUID) -> dict[str, Any]:
        """Return how an execution that has ended did so, for somebody who did not wait for it.

        :raises UnavailableError: when no worker answered.
        """
        reading = OutcomeReading(str(execution_id), str(account_id), self._public_key)
        told = self._run(self._read(reading), READING_SECONDS_MAX)
        if told is None:
            raise _away()
        return told

    def look(
        self, kind: str, asked: Callable[[dict[str, str]], temporal.Reading]
    ) -> dict[str, Any]:
        """Return what the worker says to a look of this kind; `asked` makes it, given the key to answer to.

        :raises UnavailableError: when no worker answered.
        """
        told = self._run(
            self._read(asked(self._public_key), LOOK_SECONDS_MAX, kind), LOOK_SECONDS_MAX
        )
        if told is None:
            raise UnavailableError("worker_unavailable", "No worker has answered in time.")
        return told

    def ask(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """Return what becomes of work that takes Temporal's client.

        :raises UnavailableError: when Temporal does not do it in time.
        """

        async def asked() -> T:
            async with asyncio.timeout(START_SECONDS_MAX):
                return await work(await self._connected())

        return self._run(asked(), START_SECONDS_MAX)

    @contextlib.contextmanager
    def _waiting(self, wait: float) -> Iterator[float]:
        """Yield how long the request may wait: not at all with half the process's threads waiting already."""
        waits = wait > 0 and self._waiters.acquire(blocking=False)
        try:
            yield wait if waits else 0.0
        finally:
            if waits:
                self._waiters.release()

    async def _healthy(self) -> None:
        await (await self._connected()).service_client.check_health()

    async def _check(self, check: DefinitionCheck, wait: float) -> None:
        async with asyncio.timeout(START_SECONDS_MAX):
            handle = await temporal.start_check(await self._connected(), check)
        await self._patience.result(handle, wait)

    async def _execute(
        self, start: ExecutionStart, definition_id: UUID, wait: float
    ) -> dict[str, Any] | None:
        async with asyncio.timeout(START_SECONDS_MAX):
            handle = await temporal.start_execution(
                await self._connected(),
                start,
                definition_id=definition_id,
                seconds_max=self._settings.execution_seconds_max,
            )
        return self._opened(await self._patience.result(handle, wait))

    async def _join(self, reading: OutcomeReading, wait: float) -> dict[str, Any] | None:
        # Its answer is sealed to whoever started it: we wait for the end, and then ask for ourselves.
        client = await self._connected()
        ended = client.get_workflow_handle(executions.execution_workflow_id(reading.execution_id))
        await self._patience.result(ended, wait)
        return await self._read(reading)

    async def _read(
        self,
        reading: temporal.Reading,
        seconds_max: float = READING_SECONDS_MAX,
        kind: str = executions.OUTCOME_READING,
    ) -> dict[str, Any] | None:
        async with asyncio.timeout(START_SECONDS_MAX):
            handle = await temporal.start_reading(
                await self._connected(), reading, unique=uuid7(), kind=kind
            )
        return self._opened(await result(handle, seconds_max - START_SECONDS_MAX))

    def _opened(self, reply: Any) -> dict[str, Any] | None:
        if not isinstance(reply, str):
            return None
        opened: dict[str, Any] = orjson.loads(
            jwe.open_with(self._reply_key, reply, bytes_max=REPLY_BYTES_MAX)
        )
        return opened

    async def _connected(self) -> Client:
        if self._client is None:
            runtime = Runtime(telemetry=TelemetryConfig())
            self._client = await asyncio.wait_for(
                temporal.connect(self._settings, keyed=False, runtime=runtime, retry=RETRY),
                CONNECT_SECONDS_MAX,
            )
        return self._client

    def _run(self, work: Coroutine[Any, Any, T], seconds_max: float) -> T:
        """Run a coroutine on the loop thread, unless Temporal has just failed."""
        if time.monotonic() < self._silent_until:
            work.close()
            raise _away()
        future = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        try:
            return future.result(seconds_max + 1.0)
        except (RPCError, RuntimeError, TimeoutError, NotInTimeError) as fault:
            future.cancel()
            self._silent_until = time.monotonic() + PAUSE_SECONDS
            structlog.get_logger().warning("temporal_unavailable", error=type(fault).__name__)
            raise _away() from None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop, made at first need: neither it nor the client survives a fork."""
        with self._guard:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="temporal", daemon=True
                ).start()
            return self._loop


def _away() -> UnavailableError:
    return UnavailableError("temporal_unavailable", "Executions cannot be reached at the moment.")
