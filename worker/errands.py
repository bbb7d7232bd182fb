"""What the relay carries to Temporal: what web could not bring there, under the ids it would have used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from engine import executions, holds, temporal, triggers
from engine.interpreter.contracts import DefinitionCheck, ExecutionStart
from engine.interpreter.holding import Word
from engine.settings import Settings
from engine.store import outbox
from engine.store.models import OutboxMessage
from worker.carrying import carrying

log = structlog.get_logger()


class Errands:
    """Starts, stops and holds workflows by id; what has happened already counts as carried."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session]) -> None:
        self._settings = settings
        self._sessions = sessions
        self._client: Client | None = None

    async def check(self, messages: Sequence[OutboxMessage]) -> None:
        """Start the checks of definitions."""
        client = await self._connected()
        for message in messages:
            definition_id, _, version = message.subject.partition(":")
            check = DefinitionCheck(definition_id, str(message.account_id), int(version or 1))
            with carrying(message):
                await temporal.start_check(client, check)
        await self._done(messages)

    async def execute(self, messages: Sequence[OutboxMessage]) -> None:
        """Start executions; nobody waits for their answers."""
        client = await self._connected()
        for message in messages:
            with carrying(message):
                await temporal.start_execution(
                    client,
                    ExecutionStart(message.subject, str(message.account_id)),
                    definition_id=await asyncio.to_thread(self._definition_of, message),
                    seconds_max=self._settings.execution_seconds_max,
                )
            log.info("execution_started", account=str(message.account_id), execution=message.subject)
        await self._done(messages)

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
            for workflow_id in triggers.workflow_ids(definition_id, int(version or 1)):
                await temporal.terminate(client, workflow_id, why="the definition was changed or deleted")
        await self._done(messages)

    async def hold(self, messages: Sequence[OutboxMessage]) -> None:
        """Have executions pause, or go on, as their rows say by now."""
        client, done = await self._connected(), []
        for message in messages:
            word = await asyncio.to_thread(self._wanted, holds.execution_of(message.subject))
            # One that Temporal does not know is still about to start.
            if word is None or await temporal.hold_execution(
                client, str(holds.execution_of(message.subject)), word
            ):
                done.append(message)
        await self._done(done)

    async def _stop(self, messages: Sequence[OutboxMessage], how: str) -> None:
        client, done = await self._connected(), []
        for message in messages:
            with carrying(message):
                known = await temporal.stop_execution(client, message.subject, how=how)
            # One that Temporal does not know may have ended long ago, or still be about to start.
            if known or not await asyncio.to_thread(self._goes_on, UUID(message.subject)):
                done.append(message)
        await self._done(done)

    async def _connected(self) -> Client:
        if self._client is None:
            self._client = await temporal.connect(self._settings, keyed=False)
        return self._client

    def _definition_of(self, message: OutboxMessage) -> UUID:
        with self._sessions() as session:
            execution = executions.find(
                session, account_id=message.account_id, execution_id=UUID(message.subject)
            )
            return execution.definition_id

    def _goes_on(self, execution_id: UUID) -> bool:
        with self._sessions() as session:
            return bool(executions.still_running(session, [execution_id]))

    def _wanted(self, execution_id: UUID) -> Word | None:
        with self._sessions() as session:
            return holds.wanted(session, execution_id)

    async def _done(self, messages: Sequence[OutboxMessage]) -> None:
        await asyncio.to_thread(self._delete, [message.id for message in messages])

    def _delete(self, ids: list[int]) -> None:
        with self._sessions.begin() as session:
            outbox.done(session, ids)
