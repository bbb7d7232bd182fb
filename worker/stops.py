"""What the relay carries to Temporal: stops that web could not make, and ends of schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from engine import executions, schedules, temporal
from engine.settings import Settings
from engine.store import outbox
from engine.store.models import OutboxMessage


class Stops:
    """Cancels or terminates executions by id; what has ended meanwhile counts as carried."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session]) -> None:
        self._settings = settings
        self._sessions = sessions
        self._client: Client | None = None

    async def cancel(self, messages: Sequence[OutboxMessage]) -> None:
        """Have executions clean up and end."""
        await self._stop(messages, "cancel")

    async def terminate(self, messages: Sequence[OutboxMessage]) -> None:
        """End executions where they stand; the reconciler settles their rows."""
        await self._stop(messages, "terminate")

    async def unschedule(self, messages: Sequence[OutboxMessage]) -> None:
        """End the schedules of definitions' versions; executions that they started live on."""
        client = await self._connected()
        for message in messages:
            definition_id, _, version = message.subject.partition(":")
            for workflow_id in schedules.workflow_ids(definition_id, int(version or 1)):
                await temporal.terminate(client, workflow_id, why="the definition was changed or deleted")
        await asyncio.to_thread(self._delete, [message.id for message in messages])

    async def _connected(self) -> Client:
        if self._client is None:
            self._client = await temporal.connect(self._settings, keyed=False)
        return self._client

    async def _stop(self, messages: Sequence[OutboxMessage], how: str) -> None:
        client = await self._connected()
        done = []
        for message in messages:
            known = await temporal.stop_execution(client, message.subject, how=how)
            # One that Temporal does not know may have ended long ago, or still be about to start.
            if known or not await asyncio.to_thread(self._goes_on, UUID(message.subject)):
                done.append(message.id)
        await asyncio.to_thread(self._delete, done)

    def _goes_on(self, execution_id: UUID) -> bool:
        with self._sessions() as session:
            return bool(executions.still_running(session, [execution_id]))

    def _delete(self, ids: list[int]) -> None:
        with self._sessions.begin() as session:
            outbox.done(session, ids)
