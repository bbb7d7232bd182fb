"""Delivery of outbox messages to Temporal, of those that web could not deliver itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import structlog
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client
from temporalio.service import RPCError

from engine.config.settings import Settings
from engine.contracts.outbox_messages import TemporalMessage
from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.temporal.commands import SERVER_FAILURES
from engine.workflows import temporal_delivery
from worker.relay.spans import message_span
from worker.relay.temporal_client import TemporalConnection

log = structlog.get_logger()


class TemporalDelivery:
    """Delivers messages of every kind that Temporal receives, with web's own calls."""

    def __init__(
        self, settings: Settings, sessions: sessionmaker[Session], connection: TemporalConnection
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._connection = connection

    async def deliver(self, rows: Sequence[OutboxMessage]) -> None:
        """Deliver one message after the other and delete those that are done.

        One that Temporal refuses stays, and so does one whose workflow is about to start: both are
        tried again later, and do not hold up the others.

        :raises RPCError: when the server itself fails, or at the end when it has refused one.
        :raises RuntimeError: when it cannot be reached.
        """
        client, refusal = await self._connection.client(), None
        for row in rows:
            with message_span(row):
                try:
                    await self._deliver(client, row)
                except RPCError as error:
                    if error.status in SERVER_FAILURES:
                        raise
                    refusal = error
                    log.warning(
                        "message_refused",
                        kind=row.kind,
                        subject=row.subject,
                        error=error.status.name,
                    )
        if refusal is not None:
            raise refusal

    async def _deliver(self, client: Client, row: OutboxMessage) -> None:
        message = cast("TemporalMessage", row.message)
        call = await asyncio.to_thread(self._prepare, message)
        if call is None:
            await asyncio.to_thread(self._delete, row)
        elif await call.send(client):
            await asyncio.to_thread(self._confirm, call)
            log.info("delivered", kind=row.kind, account=str(row.account_id), subject=row.subject)

    def _prepare(self, message: TemporalMessage) -> temporal_delivery.TemporalCall | None:
        with self._sessions() as session:
            return temporal_delivery.prepare(session, message, self._settings)

    def _confirm(self, call: temporal_delivery.TemporalCall) -> None:
        with self._sessions.begin() as session:
            temporal_delivery.confirm(session, call, now=datetime.now(UTC))

    def _delete(self, row: OutboxMessage) -> None:
        with self._sessions.begin() as session:
            outbox.delete_rows(session, [row.id])
