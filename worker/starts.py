"""What the relay carries to Temporal: starts that web could not make, under the ids it would have used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from engine import executions, temporal
from engine.interpreter.contracts import DefinitionCheck, ExecutionStart
from engine.settings import Settings
from engine.store import outbox
from engine.store.models import OutboxMessage


class Starts:
    """Starts workflows by id; one that was started already counts as carried."""

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
            await temporal.start_check(client, check)
        await self._done(messages)

    async def execute(self, messages: Sequence[OutboxMessage]) -> None:
        """Start executions; nobody waits for their answers."""
        client = await self._connected()
        for message in messages:
            await temporal.start_execution(
                client,
                ExecutionStart(message.subject, str(message.account_id)),
                definition_id=await asyncio.to_thread(self._definition_of, message),
                seconds_max=self._settings.execution_seconds_max,
            )
        await self._done(messages)

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

    async def _done(self, messages: Sequence[OutboxMessage]) -> None:
        await asyncio.to_thread(self._delete, [message.id for message in messages])

    def _delete(self, ids: list[int]) -> None:
        with self._sessions.begin() as session:
            outbox.done(session, ids)
