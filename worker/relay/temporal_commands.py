"""What the relay carries to Temporal: what web could not bring there, under the ids it would have used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from engine.config.settings import Settings
from engine.contracts.executions import DefinitionCheck, ExecutionStart
from engine.contracts.pause import PauseCommand
from engine.errors import NotFoundError
from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.temporal import client as temporal
from engine.workflows.executions import executions, pause
from engine.workflows.schedules import triggers
from worker.relay.temporal_client import Door
from worker.relay.traced import carrying

log = structlog.get_logger()


class Errands:
    """Starts, stops and holds workflows by id; what has happened already counts as carried."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session], door: Door) -> None:
        self._settings = settings
        self._sessions = sessions
        self._door = door

    async def check(self, messages: Sequence[OutboxMessage]) -> None:
        """Start the checks of definitions."""

        async def start(client: Client, message: OutboxMessage) -> bool:
            definition_id, _, version = message.subject.partition(":")
            check = DefinitionCheck(definition_id, str(message.account_id), int(version or 1))
            await temporal.start_check(client, check)
            return True

        await self._each(messages, start)

    async def execute(self, messages: Sequence[OutboxMessage]) -> None:
        """Start executions; nobody waits for their answers."""

        async def start(client: Client, message: OutboxMessage) -> bool:
            definition_id = await asyncio.to_thread(self._definition_of, message)
            if definition_id is None:  # it is no more, and neither is anybody who would miss it
                return True
            await temporal.start_execution(
                client,
                ExecutionStart(message.subject, str(message.account_id)),
                definition_id=definition_id,
                seconds_max=self._settings.execution_seconds_max,
            )
            log.info(
                "execution_started", account=str(message.account_id), execution=message.subject
            )
            return True

        await self._each(messages, start)

    async def cancel(self, messages: Sequence[OutboxMessage]) -> None:
        """Have executions clean up and end."""
        await self._stop(messages, "cancel")

    async def terminate(self, messages: Sequence[OutboxMessage]) -> None:
        """End executions where they stand; the reconciler settles their rows."""
        await self._stop(messages, "terminate")

    async def unschedule(self, messages: Sequence[OutboxMessage]) -> None:
        """End the schedules of definitions' versions; executions that they started live on."""

        async def end(client: Client, message: OutboxMessage) -> bool:
            definition_id, _, version = message.subject.partition(":")
            for workflow_id in triggers.workflow_ids(definition_id, int(version or 1)):
                await temporal.terminate(
                    client, workflow_id, why="the definition was changed or deleted"
                )
            return True

        await self._each(messages, end)

    async def hold(self, messages: Sequence[OutboxMessage]) -> None:
        """Have executions pause, or go on, as their rows say by now."""

        async def tell(client: Client, message: OutboxMessage) -> bool:
            execution_id = pause.execution_of(message.subject)
            word = await asyncio.to_thread(self._wanted, execution_id)
            # One that Temporal does not know is still about to start.
            return word is None or await temporal.hold_execution(client, str(execution_id), word)

        await self._each(messages, tell)

    async def _stop(self, messages: Sequence[OutboxMessage], how: str) -> None:
        async def stop(client: Client, message: OutboxMessage) -> bool:
            known = await temporal.stop_execution(client, message.subject, how=how)
            # One that Temporal does not know may have ended long ago, or still be about to start.
            return known or not await asyncio.to_thread(self._goes_on, UUID(message.subject))

        await self._each(messages, stop)

    async def _each(
        self,
        messages: Sequence[OutboxMessage],
        carry: Callable[[Client, OutboxMessage], Awaitable[bool]],
    ) -> None:
        """Carry one message after the other; what was carried is not offered again, whatever one meets."""
        client, done = await self._door.client(), []
        try:
            for message in messages:
                with carrying(message):
                    if await carry(client, message):
                        done.append(message)
        finally:
            await self._done(done)

    def _definition_of(self, message: OutboxMessage) -> UUID | None:
        with self._sessions() as session:
            try:
                found = executions.find(
                    session, account_id=message.account_id, execution_id=UUID(message.subject)
                )
            except NotFoundError:
                return None
            return found.definition_id

    def _goes_on(self, execution_id: UUID) -> bool:
        with self._sessions() as session:
            return bool(executions.still_running(session, [execution_id]))

    def _wanted(self, execution_id: UUID) -> PauseCommand | None:
        with self._sessions() as session:
            return pause.wanted(session, execution_id)

    async def _done(self, messages: Sequence[OutboxMessage]) -> None:
        await asyncio.to_thread(self._delete, [message.id for message in messages])

    def _delete(self, ids: list[int]) -> None:
        with self._sessions.begin() as session:
            outbox.done(session, ids)
