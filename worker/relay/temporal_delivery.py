"""Delivery of outbox messages to Temporal, of those that web could not deliver itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import structlog
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client
from temporalio.service import RPCError

from engine.config.settings import Settings
from engine.contracts.outbox_messages import TemporalMessage
from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.temporal.outages import is_outage
from engine.workflows import temporal_delivery
from worker.relay.spans import message_span
from worker.relay.temporal_client import TemporalConnection

# A message that failed is tried again after a quarter of its age, within these bounds.
DELAY_MIN, DELAY_MAX = timedelta(seconds=5), timedelta(hours=1)
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

        One that fails stays, and so does one whose workflow is about to start: both are tried again
        later, and do not hold up the others. One that fails again and again is tried less often.

        :raises RPCError: when the server does not answer, or at the end when it has refused one.
        :raises RuntimeError: when it cannot be reached.
        """
        client, failure = await self._connection.client(), None
        for row in rows:
            with message_span(row):
                try:
                    await self._deliver(client, row)
                except Exception as error:
                    if is_outage(error):
                        raise
                    failure = error
                    status = error.status.name if isinstance(error, RPCError) else ""
                    log.warning(
                        "message_refused",
                        kind=row.kind,
                        subject=row.subject,
                        error=status or type(error).__name__,
                    )
                    await asyncio.to_thread(self._postpone, row)
        if failure is not None:
            raise failure

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

    def _postpone(self, row: OutboxMessage) -> None:
        now = datetime.now(UTC)
        delay = min(max((now - row.created_at) / 4, DELAY_MIN), DELAY_MAX)
        with self._sessions.begin() as session:
            outbox.make_due(session, row.id, at=now + delay)

    def _delete(self, row: OutboxMessage) -> None:
        with self._sessions.begin() as session:
            outbox.delete_rows(session, [row.id])
