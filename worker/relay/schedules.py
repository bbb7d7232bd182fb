"""What the relay carries to Temporal's schedules: changes that web could not make, and backfills."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session, sessionmaker
from temporalio.service import RPCError, RPCStatusCode

from engine.config.settings import Settings
from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.workflows.schedules import temporal_schedules, temporal_sync
from engine.workflows.schedules.temporal_schedules import Followed, Gap
from worker.relay.periodic import rounds
from worker.relay.temporal_client import Door

LOOK_SECONDS = 600.0
log = structlog.get_logger()


class Schedules:
    """Has Temporal's schedules follow ours."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session], door: Door) -> None:
        self._settings = settings
        self._sessions = sessions
        self._door = door

    async def follow(self, messages: Sequence[OutboxMessage]) -> None:
        """Have schedules be made, changed or deleted, as their rows are now."""
        client = await self._door.client()
        for message in messages:
            wanted = await asyncio.to_thread(self._wanted, message)
            try:
                await temporal_schedules.follow(client, wanted)
            except RPCError as fault:  # it stays; the others need not wait for it
                log.warning(
                    "schedule_not_followed", schedule=message.subject, error=fault.status.name
                )
            else:
                await asyncio.to_thread(self._followed, wanted)

    async def backfill(self, messages: Sequence[OutboxMessage]) -> None:
        """Have schedules make up for stretches of time, once Temporal has them."""
        client, done = await self._door.client(), []
        for message in messages:
            gap = Gap.parse(message.subject)
            try:
                await temporal_schedules.backfill(client, gap)
            except RPCError as fault:
                there = await asyncio.to_thread(self._is_there, gap.schedule_id)
                if fault.status != RPCStatusCode.NOT_FOUND or there:
                    raise
            done.append(message.id)
        await asyncio.to_thread(self._delete, done)

    async def run(self) -> None:
        """Look every LOOK_SECONDS until cancelled, whatever is down in between."""
        await asyncio.sleep(LOOK_SECONDS)
        await rounds(self.look, seconds=LOOK_SECONDS, failed="schedules_not_compared")

    async def look(self) -> None:
        """Compare what Temporal has with our rows, and have it follow where the two differ."""
        client = await self._door.client()
        there = {schedule_id async for schedule_id in temporal_schedules.there(client)}
        await asyncio.to_thread(self._make_good, there)

    def _make_good(self, there: set[UUID]) -> None:
        with self._sessions.begin() as session:
            missing = temporal_sync.make_good(session, there, now=datetime.now(UTC))
        if missing:
            log.warning("schedules_missing", count=missing)

    def _wanted(self, message: OutboxMessage) -> Followed:
        schedule_id = UUID(message.subject)
        with self._sessions() as session:
            row = temporal_sync.there(session, schedule_id)
            if row is None:
                return Followed(schedule_id, message.account_id)
            return temporal_schedules.of(
                row, execution_seconds_max=self._settings.execution_seconds_max
            )

    def _followed(self, wanted: Followed) -> None:
        with self._sessions.begin() as session:
            temporal_sync.followed(
                session,
                account_id=wanted.account_id,
                schedule_id=wanted.schedule_id,
                revision=wanted.revision,
                now=datetime.now(UTC),
            )

    def _is_there(self, schedule_id: UUID) -> bool:
        with self._sessions() as session:
            return temporal_sync.there(session, schedule_id) is not None

    def _delete(self, ids: list[int]) -> None:
        with self._sessions.begin() as session:
            outbox.done(session, ids)
