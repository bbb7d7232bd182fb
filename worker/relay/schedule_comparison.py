"""Comparison of Temporal's schedules with our rows: what Temporal lacks is delivered again.

So is what it has with a key of before: the key may be retired once all schedules are compared.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session, sessionmaker

from engine.config.settings import Settings
from engine.workflows.schedules import schedules, temporal_schedules
from worker.relay.periodic import rounds
from worker.relay.temporal_client import TemporalConnection

INTERVAL_SECONDS = 600.0


class ScheduleComparison:
    """Compares all schedules at intervals."""

    def __init__(
        self, settings: Settings, sessions: sessionmaker[Session], connection: TemporalConnection
    ) -> None:
        self._key_id = settings.current_key_id("command_keys")
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
        current = temporal_schedules.list_ids_by_key(client, self._key_id)
        ids = {schedule_id async for schedule_id in current}
        await asyncio.to_thread(self._sync_missing, ids)

    def _sync_missing(self, known_ids: set[UUID]) -> None:
        with self._sessions.begin() as session:
            missing = schedules.sync_missing(session, known_ids, now=datetime.now(UTC))
        if missing:
            structlog.get_logger().warning("schedules_missing", count=missing)
