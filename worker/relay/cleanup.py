"""Hourly cleanup: deletes expired rows and recovers channels, in whichever relay is first."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Delete, delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from engine.accounts.idempotency import LIFETIME as KEY_LIFETIME
from engine.accounts.sessions import SessionLifetime
from engine.config.settings import Settings
from engine.notifications import deliveries
from engine.store.accounts import Challenge, IdempotencyKey, RefreshSession
from engine.sync import tombstones
from engine.temporal import payload_claims
from engine.workflows.events import queue
from engine.workflows.executions import deletion
from engine.workflows.schedules import firings
from worker.relay.periodic import rounds

EVERY_SECONDS = 3600.0
LOCK = 0x7377656570  # "sweep"; any constant of our own will do
# The audit log has the end of every session; the row adds nothing to it.
ENDED_SESSIONS_STAY = timedelta(days=30)


def sweep(
    session: Session, *, session_lifetime: SessionLifetime, now: datetime
) -> dict[str, int] | None:
    """Delete expired rows and recover channels that lost their worker.

    Return how many there were of each; None while another relay does it.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
        return None
    sessions_before = now - session_lifetime.absolute - ENDED_SESSIONS_STAY
    deletions = {
        "keys": delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEY_LIFETIME),
        "challenges": delete(Challenge).where(Challenge.expires_at < now),
        "claims": payload_claims.expiry(now),
        "sessions": delete(RefreshSession).where(RefreshSession.created_at < sessions_before),
        "events": queue.expiry(now=now),
        "firings": firings.expiry(now=now),
    }
    counts = {name: _execute(session, statement) for name, statement in deletions.items()}
    counts["tombstones"] = tombstones.delete_expired(session, now=now)
    return counts | {"channels_behind": deliveries.schedule_overdue(session, now=now)}


def _execute(session: Session, statement: Delete) -> int:
    result = session.execute(statement.execution_options(synchronize_session=False))
    return int(getattr(result, "rowcount", 0))


async def run(settings: Settings, sessions: sessionmaker[Session]) -> None:
    """Clean up every EVERY_SECONDS until cancelled, whatever is down in between."""
    session_lifetime = SessionLifetime.from_settings(settings)

    def sweep_once() -> dict[str, int] | None:
        with sessions.begin() as session:
            return sweep(session, session_lifetime=session_lifetime, now=datetime.now(UTC))

    async def clean_up() -> None:
        counts = await asyncio.to_thread(sweep_once)
        structlog.get_logger().info("swept", **(counts or {}))
        if counts is not None:
            await _delete_executions(settings, sessions)

    await rounds(clean_up, seconds=EVERY_SECONDS, failed="not_swept")


async def _delete_executions(settings: Settings, sessions: sessionmaker[Session]) -> None:
    """Delete old executions in batches: there may be many, and a stopping relay has to end."""

    def delete_batch() -> int:
        with sessions.begin() as session:
            return deletion.delete_expired(
                session, days=settings.execution_days_kept, now=datetime.now(UTC)
            )

    total = 0
    while count := await asyncio.to_thread(delete_batch):
        total += count
    structlog.get_logger().info("executions_forgotten", executions=total)
