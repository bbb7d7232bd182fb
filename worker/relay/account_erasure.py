"""Erasure of deleted accounts in Temporal: their schedules, and their workflows with histories."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.orm import Session, sessionmaker
from temporalio.client import Client

from engine.store import outbox
from engine.store.outbox import OutboxMessage
from engine.temporal import commands, search_attributes
from engine.temporal.outages import is_outage
from engine.workflows.schedules import temporal_schedules
from engine.workflows.schedules.temporal_schedules import TemporalSchedule
from worker.relay.temporal_client import TemporalConnection

# Visibility lags: what was started a moment ago is found by a later search.
SEARCH_PERIOD = timedelta(seconds=60)
log = structlog.get_logger()


class AccountEraser:
    """Deletes schedules and workflows by their account."""

    def __init__(self, sessions: sessionmaker[Session], connection: TemporalConnection) -> None:
        self._sessions = sessions
        self._connection = connection

    async def erase(self, rows: Sequence[OutboxMessage]) -> None:
        """Delete what is found; an account is done when a search after SEARCH_PERIOD is empty.

        One that cannot be deleted is tried again later, and does not hold up the others.

        :raises RPCError: when the server does not answer.
        """
        client, done_ids = await self._connection.client(), []
        for row in rows:
            try:
                count = await self._delete(client, row.account_id)
            except Exception as error:
                if is_outage(error):
                    raise
                log.warning("not_erased", account=str(row.account_id), error=type(error).__name__)
                continue
            if not count and datetime.now(UTC) - row.created_at > SEARCH_PERIOD:
                done_ids.append(row.id)
        await asyncio.to_thread(self._delete_rows, done_ids)

    async def _delete(self, client: Client, account_id: UUID) -> int:
        """Delete an account's schedules and workflows; return how many were found."""
        count = 0
        async for schedule_id in temporal_schedules.list_ids(client, account_id):
            await temporal_schedules.sync(client, TemporalSchedule(schedule_id, account_id))
            count += 1
        query = f"{search_attributes.ACCOUNT.name} = '{account_id}'"
        return count + await commands.delete_workflows(client, query)

    def _delete_rows(self, ids: list[int]) -> None:
        with self._sessions.begin() as session:
            outbox.delete_rows(session, ids)
