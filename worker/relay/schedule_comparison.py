"""Comparison of Temporal's schedules with our rows: what Temporal lacks is delivered again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session, sessionmaker

from engine.workflows.schedules import schedules, temporal_schedules
from worker.relay.periodic import rounds
from worker.relay.temporal_client import TemporalConnection

INTERVAL_SECONDS = 600.0


class ScheduleComparison:
    """Compares all schedules at intervals."""

    def __init__(self, sessions: sessionmaker[Session], connection: TemporalConnection) -> None:
        self._sessions = sessions
        self._connection = connection

    async def run(self) -> None:
        """Compare every INTERVAL_SECONDS until cancelled, whatever is down in between."""
        await asyncio.sleep(INTERVAL_SECONDS)
        await rounds(self.compare, seconds=INTERVAL_SECONDS, failed="schedules_not_compared")

    async def compare(self) -> None:
        """Compare Temporal's schedules with our rows once.

        :raises RPCError: when the server does not list them.
        """
        client = await self._connection.client()
        ids = {schedule_id async for schedule_id in temporal_schedules.list_ids(client)}
        await asyncio.to_thread(self._sync_missing, ids)

    def _sync_missing(self, known_ids: set[UUID]) -> None:
        with self._sessions.begin() as session:
            missing = schedules.sync_missing(session, known_ids, now=datetime.now(UTC))
        if missing:
            structlog.get_logger().warning("schedules_missing", count=missing)
