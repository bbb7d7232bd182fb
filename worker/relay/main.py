"""The relay: carries the outbox and what channels are owed, woken by a word on Redis or by the clock.

Beside that it holds rows against Temporal, both ways: schedules, and executions that ended.
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
from engine.notifications import deliveries
from engine.observability import metrics, tracing
from engine.observability.metrics_publisher import Publisher
from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.store.sessions import make_sessions
from worker.fanout.notifications import deliver
from worker.fanout.sync import fan_out
from worker.relay import cleanup, outbox_metrics
from worker.relay.account_erasure import Erasure
from worker.relay.bulk_jobs import Bulk
from worker.relay.reconciler import Reconciler
from worker.relay.schedules import Schedules
from worker.relay.temporal_client import Door
from worker.relay.temporal_commands import Errands
from worker.relay.traced import carrying

LOOK_SECONDS = 1.0
# Changes come in bursts, and a message tells of all of an account's: what comes meanwhile goes along with
# what comes next. The first of a burst waits for nobody.
GATHER_SECONDS = 0.25
Deliver = Callable[[Sequence[OutboxMessage]], Awaitable[None]]
log = structlog.get_logger()


async def notify(messages: Sequence[OutboxMessage]) -> None:
    """Send one fan-out per account; the actor deletes the rows."""
    for account_id, message in {str(message.account_id): message for message in messages}.items():
        with carrying(message):
            await asyncio.to_thread(fan_out.send, account_id)


async def carry(sessions: sessionmaker[Session], table: Mapping[str, Deliver]) -> int:
    """Offer every due message to its deliverer once; return how many there were."""
    due = await asyncio.to_thread(_take, sessions)
    for kind, hand_over in table.items():
        messages = [message for message in due if message.kind == kind]
        if messages:
            result = "failed"
            try:
                await hand_over(messages)
                result = "carried"
            except Exception as fault:  # noqa: BLE001 - the rows stay, and are offered again
                log.warning(
                    "not_carried", kind=kind, messages=len(messages), error=type(fault).__name__
                )
            metrics.RELAY_DELIVERIES.labels(kind, result).inc(len(messages))
    return len(due)


async def remind(sessions: sessionmaker[Session]) -> int:
    """Send a delivery for each channel that is due and in nobody's hands; return how many there were."""

    def take() -> Sequence[UUID]:
        with sessions.begin() as session:
            return deliveries.take_due(session, now=datetime.now(UTC))

    due = await asyncio.to_thread(take)
    try:
        for channel_id in due:
            await asyncio.to_thread(deliver.send, str(channel_id))
    except Exception as fault:  # noqa: BLE001 - they stay due, and are offered again
        log.warning("not_reminded", channels=len(due), error=type(fault).__name__)
    return len(due)


async def run(settings: Settings, stopped: asyncio.Event) -> None:
    """Carry until `stopped`, surviving the loss of PostgreSQL, Redis and Temporal."""
    sessions, woken = make_sessions(settings), asyncio.Event()
    door = Door(settings)
    errands = Errands(settings, sessions, door)
    schedules, bulk = Schedules(settings, sessions, door), Bulk(settings, sessions, door)
    table: dict[str, Deliver] = {
        outbox.CHANGED: notify,
        outbox.SECURITY: notify,
        outbox.CHECK: errands.check,
        outbox.UNSCHEDULE: errands.unschedule,
        outbox.EXECUTE: errands.execute,
        outbox.CANCEL: errands.cancel,
        outbox.TERMINATE: errands.terminate,
        outbox.HOLD: errands.hold,
        outbox.FOLLOW: schedules.follow,
        outbox.BACKFILL: schedules.backfill,
        outbox.BULK: bulk.work,
        outbox.FORGET: bulk.forget,
        outbox.ERASE: Erasure(sessions, door).erase,
    }
    publisher = Publisher(settings, "relay", measure=lambda: outbox_metrics.look(sessions))
    publisher.start()
    async with (
        asyncio.TaskGroup() as tasks
    ):  # the end of one is the end of all: a new process has them all
        works = (
            *(_listen(settings, woken), cleanup.run(settings, sessions)),
            *(schedules.run(), Reconciler(sessions, door).run()),
        )
        beside = [tasks.create_task(work) for work in works]
        log.info("relay_ready")
        await _carry_on(sessions, table, woken, stopped)
        for task in beside:
            task.cancel()
    await asyncio.to_thread(publisher.stop)


async def _carry_on(
    sessions: sessionmaker[Session],
    table: Mapping[str, Deliver],
    woken: asyncio.Event,
    stopped: asyncio.Event,
) -> None:
    """Carry what is due, whenever woken and now and then, until stopped."""
    while not stopped.is_set():
        woken.clear()
        try:
            carried = await carry(sessions, table) + await remind(sessions)
        except OperationalError as fault:
            log.warning("outbox_unreadable", error=type(fault.orig).__name__)
            carried = 0
        if not carried:
            await _any(woken, stopped)
        elif carried < outbox.TAKEN_MOST:
            await asyncio.sleep(GATHER_SECONDS)


def _take(sessions: sessionmaker[Session]) -> Sequence[OutboxMessage]:
    with sessions.begin() as session:
        return outbox.take_due(session, now=datetime.now(UTC))


async def _listen(settings: Settings, woken: asyncio.Event) -> None:
    """Set `woken` at each word on Redis; without Redis the clock alone drives the relay."""
    while True:
        try:
            async with (
                Redis.from_url(settings.need("redis_url")) as redis,
                redis.pubsub() as channel,
            ):
                await channel.subscribe(outbox.WAKE)
                async for _ in channel.listen():
                    woken.set()
        except (RedisError, OSError):
            await asyncio.sleep(LOOK_SECONDS)


async def _any(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def main() -> None:
    """Run until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    settings = Settings.from_env()
    tracing.configure(settings, "relay")
    await run(settings, stopped)
    tracing.close()
