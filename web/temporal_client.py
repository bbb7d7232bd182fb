"""Synchronous access to Temporal's asynchronous client, by one loop thread in each process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
import structlog
from joserfc.jwk import OKPKey
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError
from uuid_utils.compat import uuid7

from engine.config.settings import Settings
from engine.contracts.executions import OUTCOME_READING, OutcomeReading
from engine.contracts.workflow_ids import ExecutionWorkflowId
from engine.crypto.replies import open_reply
from engine.errors import InvalidError, UnavailableError
from engine.temporal import commands
from engine.temporal.command_signer import CommandSigner
from engine.temporal.commands import Reading
from engine.temporal.connection import SHORT_RETRY, connect_sender
from engine.temporal.outages import is_temporal_absence
from engine.workflows.schedules import temporal_schedules
from engine.workflows.temporal_delivery import TemporalCall
from web import request_threads

T = TypeVar("T")
CONNECT_SECONDS_MAX = 1.0
CALL_SECONDS_MAX = 2.0  # a server that hangs must not hold the request; the relay delivers later
READING_SECONDS_MAX = 5.0
PREVIEW_SECONDS_MAX = 12.0  # a definition's programs are compiled one by one
PAUSE_SECONDS = 2.0  # for which Temporal is left alone after it did not answer
REPLY_BYTES_MAX = 4 * 1_048_576
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Result of a call: whether Temporal has done it, and the started workflow's reply."""

    is_done: bool
    reply: dict[str, Any] | None = None


class Temporal:
    """Delivers messages and waits for replies, which a key of this process alone opens."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._signer = CommandSigner(settings)
        self._reply_key = OKPKey.generate_key("X25519")  # it lives as long as the process
        self.reply_key = {
            name: str(value) for name, value in self._reply_key.as_dict(private=False).items()
        }
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._silent_until = 0.0
        self._waits = _Waits()

    def close(self) -> None:
        """End all waits at once, because the process ends; what was started continues."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._waits.end)

    def check(self) -> None:
        """Return when the server answers.

        :raises UnavailableError: when it does not.
        """
        self._run(self._check_health(), CONNECT_SECONDS_MAX)

    def deliver(self, call: TemporalCall, *, wait: float = 0.0) -> DeliveryResult:
        """Send a call, and wait up to `wait` seconds for the reply of a workflow that it starts.

        When too many requests wait already, this one does not.

        :raises UnavailableError: when Temporal did not do it in time.
        """
        with self._wait_slot(wait) as seconds:
            return self._run(self._deliver(call, seconds), CALL_SECONDS_MAX + seconds)

    def join(self, execution_id: UUID, account_id: UUID, *, wait: float) -> dict[str, Any] | None:
        """Return the outcome of an execution that was started before, if it ends in `wait` seconds.

        When too many requests wait already, this one does not.

        :raises UnavailableError: when no worker answered.
        """
        reading = OutcomeReading(str(execution_id), str(account_id), self.reply_key)
        with request_threads.waiting() as is_free:  # the reading takes time, whatever `wait` is
            seconds = wait if is_free else 0.0
            return self._run(
                self._join(execution_id, reading, seconds),
                CALL_SECONDS_MAX + seconds + READING_SECONDS_MAX,
            )

    def outcome(self, execution_id: UUID, account_id: UUID) -> dict[str, Any]:
        """Return the outcome of an execution that has ended.

        :raises UnavailableError: when no worker answered.
        """
        reading = OutcomeReading(str(execution_id), str(account_id), self.reply_key)
        with request_threads.waiting():
            outcome = self._run(self._read(reading), READING_SECONDS_MAX)
        if outcome is None:
            raise _unavailable()
        return outcome

    def preview(self, kind: str, reading: Reading) -> dict[str, Any]:
        """Return the worker's reply to a preview of this workflow type.

        :raises TooLargeError: when Temporal would refuse the preview for its size.
        :raises UnavailableError: when no worker answered.
        """
        commands.check_size(reading)
        with request_threads.waiting():
            reply = self._run(self._read(reading, PREVIEW_SECONDS_MAX, kind), PREVIEW_SECONDS_MAX)
        if reply is None:
            raise UnavailableError("worker_unavailable", "No worker has answered in time.")
        return reply

    def next_times(self, schedule_id: UUID) -> Sequence[datetime] | None:
        """Return when a schedule is due next; None when Temporal does not have it.

        :raises UnavailableError: when Temporal did not answer in time.
        """
        return self._run(self._next_times(schedule_id), CALL_SECONDS_MAX)

    @contextlib.contextmanager
    def _wait_slot(self, wait: float) -> Iterator[float]:
        """Yield how long the request may wait: 0 when too many requests wait already."""
        if wait <= 0:
            yield 0.0
            return
        with request_threads.waiting() as is_free:
            yield wait if is_free else 0.0

    async def _check_health(self) -> None:
        await (await self._connect()).service_client.check_health()

    async def _deliver(self, call: TemporalCall, wait: float) -> DeliveryResult:
        async with asyncio.timeout(CALL_SECONDS_MAX):
            answer = await call.send(await self._connect())
        if not isinstance(answer, WorkflowHandle):
            return DeliveryResult(bool(answer))
        return DeliveryResult(
            is_done=True, reply=self._open(await self._waits.result(answer, wait), answer.id)
        )

    async def _join(
        self, execution_id: UUID, reading: OutcomeReading, wait: float
    ) -> dict[str, Any] | None:
        # Its result is sealed to whoever started it: wait for its end, then read the outcome anew.
        client = await self._connect()
        handle = client.get_workflow_handle(str(ExecutionWorkflowId(execution_id)))
        await self._waits.result(handle, wait)
        return await self._read(reading)

    async def _read(
        self,
        reading: Reading,
        seconds_max: float = READING_SECONDS_MAX,
        kind: str = OUTCOME_READING,
    ) -> dict[str, Any] | None:
        async with asyncio.timeout(CALL_SECONDS_MAX):
            client = await self._connect()
            handle = await commands.start_reading(client, reading, reading_id=uuid7(), kind=kind)
        return self._open(await _result(handle, seconds_max - CALL_SECONDS_MAX), handle.id)

    async def _next_times(self, schedule_id: UUID) -> Sequence[datetime] | None:
        async with asyncio.timeout(CALL_SECONDS_MAX):
            return await temporal_schedules.next_times(await self._connect(), schedule_id)

    def _open(self, reply: Any, workflow_id: str) -> dict[str, Any] | None:
        """Return a reply; None when there is none, or no worker has sent it for this workflow."""
        if not isinstance(reply, str):
            return None
        try:
            plaintext = open_reply(
                reply,
                private_key=self._reply_key,
                workflow_id=workflow_id,
                keys=self._settings.secrets("command_keys"),
                bytes_max=REPLY_BYTES_MAX,
            )
        except InvalidError as error:  # the client sent nothing invalid
            log.warning("reply_refused", error=error.code, workflow=workflow_id)
            raise UnavailableError("reply_unreadable", "The reply cannot be read.") from None
        content: dict[str, Any] = orjson.loads(plaintext)
        return content

    async def _connect(self) -> Client:
        if self._client is None:
            runtime = Runtime(telemetry=TelemetryConfig())
            connection = connect_sender(
                self._settings, self._signer, runtime=runtime, retry=SHORT_RETRY
            )
            try:
                self._client = await asyncio.wait_for(connection, CONNECT_SECONDS_MAX)
            except RuntimeError:  # the SDK's own, for a server that it cannot reach
                raise TimeoutError from None
        return self._client

    def _run(self, work: Coroutine[Any, Any, T], seconds_max: float) -> T:
        """Run a coroutine on the loop thread, unless Temporal has just failed to answer.

        Only a server that does not answer is left alone for a while. What it refuses concerns one
        request.

        :raises UnavailableError: when Temporal refuses, or takes longer than `seconds_max`.
        """
        if time.monotonic() < self._silent_until:
            work.close()
            raise _unavailable()
        future = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        try:
            return future.result(seconds_max + 1.0)
        except (RPCError, TimeoutError) as error:
            future.cancel()
            if isinstance(error, RPCError) and not is_temporal_absence(error):
                log.warning("temporal_refused", error=error.status.name)
                raise UnavailableError(
                    "temporal_refused", "Temporal did not take the request."
                ) from None
            self._silent_until = time.monotonic() + PAUSE_SECONDS
            log.warning("temporal_unavailable", error=type(error).__name__)
            raise _unavailable() from None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop, made at first need: neither it nor the client survives a fork."""
        with self._guard:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="temporal", daemon=True
                ).start()
            return self._loop


class _Waits:
    """All waits for the ends of workflows on one loop; after `end` nothing waits any more."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended = asyncio.Event()

    def end(self) -> None:
        """End all waits without a result; to be called on the loop."""
        self._ended.set()
        for task in self._tasks:
            task.cancel()

    async def result(self, handle: WorkflowHandle[Any, Any], seconds_max: float) -> Any:
        """Return the result of a workflow if it ends within `seconds_max`, else None."""
        if self._ended.is_set():
            return None
        task = asyncio.create_task(_result(handle, seconds_max))
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._ended.is_set():
                raise
            return None
        finally:
            self._tasks.discard(task)


async def _result(handle: WorkflowHandle[Any, Any], seconds_max: float) -> Any:
    """Return the result of a workflow if it ends in time; a failed one has it as its detail."""
    if seconds_max <= 0:
        return None
    try:
        return await asyncio.wait_for(handle.result(), seconds_max)
    except TimeoutError:
        return None
    except WorkflowFailureError as failure:
        if isinstance(failure.cause, ApplicationError) and failure.cause.details:
            return failure.cause.details[0]
        return None


def _unavailable() -> UnavailableError:
    return UnavailableError("temporal_unavailable", "Executions cannot be reached at the moment.")
