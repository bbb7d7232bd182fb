"""What has had its time is deleted, and what was overlooked made due: hourly, by whichever relay is first."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Delete, delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from engine.accounts.idempotency import LASTS as KEY_LASTS
from engine.accounts.sessions import Periods
from engine.config.settings import Settings
from engine.notifications import deliveries
from engine.store.accounts import Challenge, IdempotencyKey, RefreshSession
from engine.sync import tombstones
from engine.temporal import payload_claims
from engine.workflows.events import queue
from engine.workflows.executions import retention
from engine.workflows.schedules import firings
from worker.relay.periodic import rounds

EVERY_SECONDS = 3600.0
LOCK = 0x7377656570  # "sweep"; any constant of our own will do
# A session that has ended is in its owner's trail; the row says no more than that.
ENDED = timedelta(days=30)


def sweep(session: Session, *, periods: Periods, now: datetime) -> dict[str, int] | None:
    """Delete what has had its time, and find channels that were left behind.

    Returns how many there were of each, or nothing while another relay does it.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
        return None
    over = now - periods.absolute - ENDED
    spent = {
        "keys": delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEY_LASTS),
        "challenges": delete(Challenge).where(Challenge.expires_at < now),
        "claims": payload_claims.spent(now),
        "sessions": delete(RefreshSession).where(RefreshSession.created_at < over),
        "events": queue.spent(now=now),
        "firings": firings.spent(now=now),
    }
    counts = {name: _done(session, statement) for name, statement in spent.items()}
    counts["tombstones"] = tombstones.delete_expired(session, now=now)
    return counts | {"channels_behind": deliveries.recover(session, now=now)}


def _done(session: Session, statement: Delete) -> int:
    found = session.execute(statement.execution_options(synchronize_session=False))
    return int(getattr(found, "rowcount", 0))


async def run(settings: Settings, sessions: sessionmaker[Session]) -> None:
    """Sweep every EVERY_SECONDS until cancelled, whatever is down in between."""
    periods = Periods.from_settings(settings)

    def once() -> dict[str, int] | None:
        with sessions.begin() as session:
            return sweep(session, periods=periods, now=datetime.now(UTC))

    async def all_once() -> None:
        swept = await asyncio.to_thread(once)
        structlog.get_logger().info("swept", **(swept or {}))
        if swept is not None:
            await _forget_executions(settings, sessions)

    await rounds(all_once, seconds=EVERY_SECONDS, failed="not_swept")


async def _forget_executions(settings: Settings, sessions: sessionmaker[Session]) -> None:
    """Delete old executions, a few in each transaction: an account's may be many, and a relay has to end."""

    def some() -> int:
        with sessions.begin() as session:
            return retention.forget(
                session, days_kept=settings.execution_days_kept, now=datetime.now(UTC)
            )

    count = 0
    while found := await asyncio.to_thread(some):
        count += found
    structlog.get_logger().info("executions_forgotten", executions=count)
