"""The relay: delivers outbox messages and channels' notifications, woken by Redis or by the clock.

Beside that it compares rows with Temporal: schedules, and executions that have ended.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from engine.config.settings import Settings
from engine.contracts.outbox_messages import (
    TEMPORAL_KINDS,
    AccountErasure,
    BulkWork,
    SecurityNotice,
    StateChange,
)
from engine.notifications import deliveries
from engine.observability import metrics, tracing
from engine.observability.metrics_publisher import Publisher
from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.store.sessions import make_sessions
from worker.fanout.notifications import deliver
from worker.fanout.sync import fan_out
from worker.relay import cleanup, outbox_metrics
from worker.relay.account_erasure import AccountEraser
from worker.relay.bulk_jobs import BulkJobs
from worker.relay.reconciler import Reconciler
from worker.relay.schedule_comparison import ScheduleComparison
from worker.relay.spans import message_span
from worker.relay.temporal_client import TemporalConnection
from worker.relay.temporal_delivery import TemporalDelivery

LOOK_SECONDS = 1.0
# Changes come in bursts, and one fan-out serves all of an account's: those of this time are
# delivered together. The first of a burst is delivered at once.
GATHER_SECONDS = 0.25
Deliver = Callable[[Sequence[OutboxMessage]], Awaitable[None]]
log = structlog.get_logger()


async def notify(rows: Sequence[OutboxMessage]) -> None:
    """Send one fan-out per account; its actor deletes the rows."""
    for account_id, row in {str(row.account_id): row for row in rows}.items():
        with message_span(row):
            await asyncio.to_thread(fan_out.send, account_id)


async def deliver_due(sessions: sessionmaker[Session], table: Mapping[str, Deliver]) -> int:
    """Give every due message to the delivery of its kind once; return how many there were."""
    due = await asyncio.to_thread(_take, sessions)
    for kind, deliver_rows in table.items():
        rows = [row for row in due if row.kind == kind]
        if rows:
            result = "failed"
            try:
                await deliver_rows(rows)
                result = "delivered"
            except Exception as error:  # noqa: BLE001 - the rows stay, and are due again
                log.warning(
                    "outbox_delivery_failed",
                    kind=kind,
                    messages=len(rows),
                    error=type(error).__name__,
                )
            metrics.RELAY_DELIVERIES.labels(kind, result).inc(len(rows))
    return len(due)


async def remind(sessions: sessionmaker[Session]) -> int:
    """Send a delivery for each due channel that no worker has; return how many there were."""

    def take() -> Sequence[UUID]:
        with sessions.begin() as session:
            return deliveries.queue_due(session, now=datetime.now(UTC))

    due = await asyncio.to_thread(take)
    try:
        for channel_id in due:
            await asyncio.to_thread(deliver.send, str(channel_id))
    except Exception as error:  # noqa: BLE001 - they stay due, and are sent again
        log.warning("not_reminded", channels=len(due), error=type(error).__name__)
    return len(due)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Deliver until `stop` is set, surviving the loss of PostgreSQL, Redis and Temporal."""
    sessions, wake = make_sessions(settings), asyncio.Event()
    connection = TemporalConnection(settings)
    to_temporal = TemporalDelivery(settings, sessions, connection).deliver
    table: dict[str, Deliver] = {
        StateChange.kind: notify,
        SecurityNotice.kind: notify,
        **dict.fromkeys(TEMPORAL_KINDS, to_temporal),
        BulkWork.kind: BulkJobs(settings, sessions).work,
        AccountErasure.kind: AccountEraser(sessions, connection).erase,
    }
    comparison = ScheduleComparison(settings, sessions, connection)
    publisher = Publisher(settings, "relay", measure=lambda: outbox_metrics.look(sessions))
    publisher.start()
    # One that ends ends all: the process that replaces this one starts all of them.
    async with asyncio.TaskGroup() as tasks:
        parts = (
            *(_listen(settings, wake), cleanup.run(settings, sessions)),
            *(part.run() for part in (comparison, Reconciler(sessions, connection))),
        )
        beside = [tasks.create_task(part) for part in parts]
        log.info("relay_ready")
        await _deliver_until(stop, wake, sessions, table)
        for task in beside:
            task.cancel()
    await asyncio.to_thread(publisher.stop)


async def _deliver_until(
    stop: asyncio.Event,
    wake: asyncio.Event,
    sessions: sessionmaker[Session],
    table: Mapping[str, Deliver],
) -> None:
    """Deliver what is due, whenever woken and every LOOK_SECONDS, until stopped."""
    while not stop.is_set():
        wake.clear()
        try:
            count = await deliver_due(sessions, table) + await remind(sessions)
        except OperationalError as error:
            log.warning("outbox_unreadable", error=type(error.orig).__name__)
            count = 0
        if not count:
            await _any(wake, stop)
        elif count < outbox.BATCH_MAX:
            await asyncio.sleep(GATHER_SECONDS)


def _take(sessions: sessionmaker[Session]) -> Sequence[OutboxMessage]:
    with sessions.begin() as session:
        return outbox.take_due(session, now=datetime.now(UTC))


async def _listen(settings: Settings, wake: asyncio.Event) -> None:
    """Set `wake` at each message on Redis; without Redis the clock alone drives the relay."""
    while True:
        try:
            async with (
                Redis.from_url(settings.need("redis_url")) as redis,
                redis.pubsub() as channel,
            ):
                await channel.subscribe(outbox.WAKE)
                async for _ in channel.listen():
                    wake.set()
        except (RedisError, OSError):
            await asyncio.sleep(LOOK_SECONDS)


async def _any(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def main() -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    settings = Settings.from_env()
    tracing.configure(settings, "relay")
    await run(settings, stop)
    tracing.close()
